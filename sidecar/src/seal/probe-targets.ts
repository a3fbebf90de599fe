import type { DatabaseBinding, Engine } from '@sallyport/crds'

/** One Database the direct way to which is to be tried; an entry of targets.json. */
export interface ProbeTarget {
  /** `<namespace>/<name>` */
  readonly database: string
  readonly host: string
  readonly port: number
  readonly engine: Engine
}

/** targets.json: what the sidecar wants to have probed. `revision` grows with every change. */
export interface ProbeTargets {
  readonly revision: number
  readonly targets: readonly ProbeTarget[]
}

/** The Databases of a snapshot, by whether the rules of the pod were made for them. */
export interface RedirectedDatabases {
  readonly targets: readonly ProbeTarget[]
  /** `<namespace>/<name>` of those that came after the pod, or were too many for its ports. */
  readonly notRedirected: readonly string[]
}

/** @param redirects  by `<namespace>/<name>`. */
export function splitDatabases(
  databases: readonly DatabaseBinding[],
  redirects: ReadonlyMap<string, number>,
): RedirectedDatabases {
  const targets: ProbeTarget[] = []
  const notRedirected: string[] = []
  for (const { namespace, name, host, port, engine } of databases) {
    const database = `${namespace}/${name}`
    if (redirects.has(database)) targets.push({ database, host, port, engine })
    else notRedirected.push(database)
  }
  return { targets, notRedirected }
}
