/** What the probe wrote cannot be used. The message never quotes it. */
export class SealError extends Error {
  override readonly name = 'SealError'
}
