import type { KubeClient } from './client.ts'
import { KubeError } from './errors.ts'
import { isRecord } from './objects.ts'

/** ValidatingAdmissionPolicy is stable since. */
const oldest = { major: 1, minor: 30 }

/**
 * Asks the API server which Kubernetes it is.
 * @returns its version as it says it, e.g. `v1.34.4`.
 * @throws KubeError `kubernetes-too-old`, or why it could not be asked.
 */
export async function checkVersion(client: KubeClient): Promise<string> {
  const answer = await client.request({ path: '/version' })
  const version = parseVersion(answer)
  if (!version) throw new KubeError('malformed', 'GET /version: the answer is no version of Kubernetes')
  const problem = versionProblem(version)
  if (problem !== null) throw new KubeError('kubernetes-too-old', problem)
  return version.text
}

export interface KubernetesVersion {
  readonly major: number
  readonly minor: number
  /** `gitVersion`. */
  readonly text: string
}

/** Reads the answer to `GET /version`; providers write `v1.29.6-gke.100` and minor versions like `29+`. */
export function parseVersion(answer: unknown): KubernetesVersion | null {
  if (!isRecord(answer) || typeof answer.gitVersion !== 'string') return null
  const { gitVersion: text, major, minor } = answer
  const [, first, second] = /^v?(\d+)\.(\d+)/.exec(text) ?? [null, digitsOf(major), digitsOf(minor)]
  return first && second ? { major: Number(first), minor: Number(second), text } : null
}

/** @returns what to say of a Kubernetes that lacks what enforcement stands on; null: it has it. */
export function versionProblem({ major, minor, text }: KubernetesVersion): string | null {
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return null
  const needed = `${oldest.major}.${oldest.minor}`
  return `kubernetes-too-old: this is ${text}; Sallyport needs ${needed} or newer for ValidatingAdmissionPolicy (1.29 for native sidecars)`
}

function digitsOf(value: unknown): string | undefined {
  return typeof value === 'string' ? /^\d+/.exec(value)?.[0] : undefined
}
