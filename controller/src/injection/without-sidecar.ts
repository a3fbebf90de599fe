import type { Container, HostAlias, Pod, Volume } from './pod.ts'

/** What the API server and its admission plug-ins add to a container by themselves. */
const defaulted = ['imagePullPolicy', 'terminationMessagePath']
/** Where the plug-in ServiceAccount mounts its token, in every container. */
const serviceAccountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The pod its author wrote, where ours is in it unchanged; null where it is not. A webhook may be called again for a pod it
 * has seen, and whoever writes a pod that looks as if, must have nothing of it.
 */
export function withoutSidecar(
  pod: Pod,
  expected: Container,
  volumes: readonly Volume[],
  aliases: readonly HostAlias[],
): Pod | null {
  const [first, ...initContainers] = pod.spec.initContainers ?? []
  if (!first || !isOurs(first, expected)) return null
  const restOfVolumes = remove(pod.spec.volumes ?? [], volumes)
  const restOfAliases = remove(pod.spec.hostAliases ?? [], aliases)
  if (!restOfVolumes || !restOfAliases) return null
  return { ...pod, spec: { ...pod.spec, initContainers, volumes: restOfVolumes, hostAliases: restOfAliases } }
}

function isOurs(first: Container, expected: Container): boolean {
  const { volumeMounts: expectedMounts = [], ...expectedRest } = expected
  const { volumeMounts = [], ...rest } = first
  const mounts = volumeMounts.filter(({ mountPath }) => mountPath !== serviceAccountPath)
  const hasNoMore = Object.keys(rest).every((key) => key in expectedRest || defaulted.includes(key))
  return hasNoMore && mounts.length === expectedMounts.length && contains(mounts, expectedMounts) && contains(rest, expectedRest) // prettier-ignore
}

/** The list without each of `wanted`; null where one is not there. */
function remove<T>(list: readonly T[], wanted: readonly T[]): readonly T[] | null {
  const left = [...list]
  for (const one of wanted) {
    const index = left.findIndex((each) => contains(each, one))
    if (index < 0) return null
    left.splice(index, 1)
  }
  return left
}

/** Every field of `expected` is in `actual` with the same value; lists are as long; more fields are defaults. */
function contains(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false
    return expected.every((item, index) => contains(actual[index], item))
  }
  if (typeof expected !== 'object' || expected === null) return actual === expected
  if (typeof actual !== 'object' || actual === null) return false
  return Object.entries(expected).every(([key, value]) => contains(Reflect.get(actual, key), value))
}
