/** Containers, volumes and annotations of ours in a pod. */
export const names = {
  /** No container and no volume of the pod's author begins with it. */
  prefix: 'sallyport-',
  sidecar: 'sallyport',
  redirect: 'sallyport-redirect',
  probe: 'sallyport-probe',
  token: 'sallyport-token',
  spool: 'sallyport-spool',
  /** What redirect, probe and sidecar tell each other. */
  state: 'sallyport-probe',
} as const

/** Asks for injection, on a namespace or a pod; its only value is `enabled`. */
export const injectLabel = 'sallyport.dev/inject'
/** How the application's connections come to the sidecar, on a namespace or a pod; stamped on every injected pod. */
export const interceptionAnnotation = 'sallyport.dev/interception'
/** Image of the sidecar, on every injected pod. */
export const injectedAnnotation = 'sallyport.dev/injected'
/** Seal of what was put in, on every injected pod. */
export const sealAnnotation = 'sallyport.dev/injection'

/** The kubelet's word about a pod of its own that runs already. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** Ports of the pod that are kept for the sidecar. */
export const ports = { first: 15_900, last: 15_999, health: 15_901, firstRedirect: 15_910 } as const

export const uids = { sidecar: 5555, probe: 5556 } as const

/** Where volumes are mounted. */
export const folders = {
  token: '/var/run/sallyport',
  spool: '/var/lib/sallyport/spool',
  state: '/var/lib/sallyport/probe',
} as const

/** Where the API server's plug-in ServiceAccount mounts its token, in every container. */
export const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Whether a container or volume is called like one of ours. */
export function isOurName(name: string): boolean {
  return name === names.sidecar || name.startsWith(names.prefix)
}
