export { injectPod, injectedAnnotation, type Injection, type JsonPatchOperation } from './inject-pod.ts'
export { ephemeralProblems, injectLabel, injectionReasons, type PodProblem } from './pod-problems.ts'
export { parsePod, type Pod } from './pod.ts'
export { names as injectedNames, type InjectionDatabase, type InjectionSettings } from './sidecar-container.ts'
