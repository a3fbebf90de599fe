/** What is wrong with a pod as its author wrote it: the words of the webhook, the admission policies and `sallyport inject`. */
export const injectionReasons = [
  'annotation-forged',
  'capabilities-kept',
  'capability-added',
  'container-name-taken',
  'default-container',
  'dns-changed',
  'ephemeral-container',
  'escalation-allowed',
  'host-alias-taken',
  'host-ipc',
  'host-network',
  'host-path',
  'host-pid',
  'inject-label-unknown',
  'interception-loosened',
  'interception-unknown',
  'mirror-pod',
  'port-taken',
  'privileged',
  'proc-mount',
  'root-user',
  'shared-process-namespace',
  'sysctl-unknown',
  'token-audience-taken',
  'uid-taken',
  'user-unset',
  'volume-name-taken',
  'windows',
] as const

/** What only admission or the controller can say. */
export const admissionReasons = [
  'condition-forged',
  'enrolment-changed',
  'images-kept',
  'namespace-unknown',
  'not-injected',
  'pod-not-genuine',
  'pod-unreadable',
  'sidecar-changed',
  'sidecar-entered',
] as const

/** Every word a pod, or a change around one, is refused with; each has a heading in docs/reasons.md. */
export const podReasons: readonly string[] = [...injectionReasons, ...admissionReasons].sort()

export type InjectionReason = (typeof injectionReasons)[number]

export interface PodProblem {
  readonly reason: InjectionReason
  /** As in `spec.containers[0].ports`. */
  readonly path: string
  /** What is wrong and what to do. */
  readonly message: string
}
