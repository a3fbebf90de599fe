/** What keeps the cluster from coming up, or from being used. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
}
