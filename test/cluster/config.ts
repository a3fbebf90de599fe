import { resolve } from 'node:path'

/** The folder of the cluster: SALLYPORT_CLUSTER_DIR, or the usual one. */
export function clusterFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return resolve(env['SALLYPORT_CLUSTER_DIR'] || '/var/lib/sallyport-cluster')
}
