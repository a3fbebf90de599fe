import { isGrantableTo } from '../grants/grantable-to.ts'
import { interceptionAnnotation } from '../injection/names.ts'
import { sealKeyOf } from '../injection/seal.ts'
import type { InjectionPlace, InjectionSettings } from '../injection/settings.ts'
import type { Certificates, RoomContext } from '../rooms.ts'

/** What is known of a namespace that pods are made in; null: nothing yet. */
export function placeOf({ caches }: Pick<RoomContext, 'caches'>, namespace: string): InjectionPlace | null {
  const known = caches.namespaces.get(namespace)
  if (!known) return null
  const { labels, annotations } = known.metadata
  const interception = annotations?.[interceptionAnnotation]
  return {
    namespace,
    ...(interception === undefined ? {} : { interception }),
    databases: caches.databases
      .list()
      .filter((database) => isGrantableTo(database, namespace, labels))
      .map(({ metadata, spec }) => ({
        namespace: metadata.namespace ?? '',
        name: metadata.name,
        host: spec.host,
        port: spec.port ?? 5432,
        localPort: spec.localPort,
      })),
  }
}

/** What is put into every pod; the authorities of the controller change with time. */
export function injectionSettings(
  { config, masterKey }: Pick<RoomContext, 'config' | 'masterKey'>,
  certificates: Pick<Certificates, 'caBundle'>,
): () => InjectionSettings {
  const sealKey = sealKeyOf(masterKey)
  return () => ({
    image: config.sidecarImage,
    redirectImage: config.redirectImage,
    controllerUrl: config.controllerUrl,
    caBundle: certificates.caBundle(),
    sealKey,
  })
}
