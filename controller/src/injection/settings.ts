import type { InjectionDatabase } from './databases.ts'

/** What the release puts into every pod. */
export interface InjectionSettings {
  /** Image of the sidecar. */
  readonly image: string
  /** Image of what writes the rules of `Redirect`, and tries the way around. */
  readonly redirectImage: string
  /** Where the sidecar dials the controller, `https://…`. */
  readonly controllerUrl: string
  /** PEM of the authorities the controller is trusted by. */
  readonly caBundle: string
  /** Of {@link sealKeyOf}. Absent: pods are not sealed, and no controller will talk to their sidecars. */
  readonly sealKey?: Buffer
}

/** Where a pod is made. */
export interface InjectionPlace {
  readonly namespace: string
  /** The namespace's annotation `sallyport.dev/interception`. */
  readonly interception?: string
  /** Those that grants of the namespace may name; later ones are reached by their `localPort`. */
  readonly databases: readonly InjectionDatabase[]
  /** A kubelet asks: only it tells of pods that run already. */
  readonly isNode?: boolean
}
