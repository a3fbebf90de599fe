import type { Cluster } from '../cluster.ts'
import { at, listAt, numberAt, textAt, textsAt } from '../shape.ts'
import type { Target } from '../target.ts'

export interface ReleaseName {
  /** As the chart's helper `sallyport.name` makes it. */
  readonly name: string
  readonly namespace: string
}

/** One of the two Deployments. */
export interface Workload {
  readonly name: string
  /** Label `app.kubernetes.io/version`. */
  readonly version: string
  readonly image: string
  readonly replicas: number
  readonly available: number
  readonly updated: number
  /** The Deployment's own account of what is amiss; '' where nothing is. */
  readonly trouble: string
  /** Flags of its container without the dashes; the last of each. */
  readonly flags: Readonly<Record<string, string>>
}

export interface Release extends ReleaseName {
  /** Name of the release; that of its objects where no Deployment says so. */
  readonly instance: string
  readonly webhook: Workload | null
  readonly controller: Workload | null
}

/** @throws ClusterError */
export async function readRelease(cluster: Cluster, { name, namespace }: ReleaseName): Promise<Release> {
  const target = (role: string): Target => ({ ...deployments, namespace, name: `${name}-${role}` })
  // One after the other, here and wherever two things are read: which right is said to be missing is no matter of luck.
  const webhook = await cluster.find(target('webhook'))
  const controller = await cluster.find(target('controller'))
  const label = textAt(controller ?? webhook, 'metadata', 'labels', 'app.kubernetes.io/instance')
  return {
    name,
    namespace,
    instance: label === '' ? name : label,
    webhook: webhook === null ? null : parseWorkload(webhook),
    controller: controller === null ? null : parseWorkload(controller),
  }
}

const deployments = { group: 'apps', version: 'v1', resource: 'deployments' } as const

/** What a Deployment tells of the process it runs. */
export function parseWorkload(deployment: unknown): Workload {
  const container = at(deployment, 'spec', 'template', 'spec', 'containers', 0)
  const isCurrent = numberAt(deployment, 'status', 'observedGeneration') === numberAt(deployment, 'metadata', 'generation') // prettier-ignore
  return {
    name: textAt(deployment, 'metadata', 'name'),
    version: textsAt(deployment, 'metadata', 'labels')['app.kubernetes.io/version'] ?? '',
    image: textAt(container, 'image'),
    replicas: numberAt(deployment, 'spec', 'replicas') ?? 1,
    available: numberAt(deployment, 'status', 'availableReplicas') ?? 0,
    updated: isCurrent ? (numberAt(deployment, 'status', 'updatedReplicas') ?? 0) : 0,
    trouble: listAt(deployment, 'status', 'conditions')
      .filter((one) => isTrouble(textAt(one, 'type'), textAt(one, 'status')))
      .map((one) => textAt(one, 'message'))
      .join('; '),
    flags: flagsOf(listAt(container, 'args')),
  }
}

function isTrouble(type: string, status: string): boolean {
  return (type === 'ReplicaFailure' && status === 'True') || (type === 'Progressing' && status === 'False')
}

function flagsOf(args: readonly unknown[]): Readonly<Record<string, string>> {
  const pairs = args.map((arg) => /^--([a-z-]+)=(.*)$/s.exec(String(arg))).filter((match) => match !== null)
  return Object.fromEntries(pairs.map(([, flag = '', value = '']) => [flag, value]))
}
