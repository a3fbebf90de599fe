/**
 * Why a pod, or a change of one, is refused; each has a heading in docs/reasons.md. The webhook, the admission policies of
 * the chart and `sallyport inject` use the same words.
 */
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
export type InjectionReason = (typeof injectionReasons)[number]

export interface PodProblem {
  readonly reason: InjectionReason
  /** As in `spec.containers[0].ports`. */
  readonly path: string
  /** What is wrong and what to do. */
  readonly message: string
}
