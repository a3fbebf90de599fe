/** Which cluster the end-to-end tests run on. */
export interface TargetConfig {
  readonly kubeconfig: string
  /** Where the images were pushed to; null: they are on the node. */
  readonly imageRegistry: string | null
  readonly isOwn: boolean
}

/** A cluster the environment names, as `make e2e KUBECONFIG=… IMAGE_REGISTRY=…` does; null: make one. @throws for half of it. */
export function namedTarget(env: NodeJS.ProcessEnv = process.env): TargetConfig | null {
  const kubeconfig = env.SALLYPORT_E2E_KUBECONFIG ?? ''
  const registry = env.SALLYPORT_E2E_IMAGE_REGISTRY ?? ''
  if (kubeconfig === '' && registry === '') return null
  if (kubeconfig === '' || registry === '')
    throw new Error(
      'KUBECONFIG and IMAGE_REGISTRY belong together: push dist/images/*.tar there first (docs/images.md)',
    )
  return { kubeconfig, imageRegistry: registry, isOwn: false }
}

/** How often the release is restarted, and a sidecar killed, in the test of resilience: few times among all tests, 50 by itself. */
export function resilienceRounds(env: NodeJS.ProcessEnv = process.env): number {
  const rounds = Number(env.SALLYPORT_RESILIENCE_ROUNDS ?? 5)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('SALLYPORT_RESILIENCE_ROUNDS is not a number of rounds')
  return rounds
}
