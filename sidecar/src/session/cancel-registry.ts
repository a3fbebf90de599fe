import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto'

export interface CancelKey {
  readonly processId: number
  readonly secretKey: Buffer
}

/** Cancel keys of our own: the server's are never shown to a client. */
export class CancelRegistry {
  readonly #sessions = new Map<number, { readonly secretKey: Buffer; readonly cancel: () => void }>()

  register(cancel: () => void): CancelKey {
    let processId: number
    do processId = randomInt(1, 0x7fffffff)
    while (this.#sessions.has(processId))
    const secretKey = randomBytes(4)
    this.#sessions.set(processId, { secretKey, cancel })
    return { processId, secretKey }
  }

  release(key: CancelKey): void {
    this.#sessions.delete(key.processId)
  }

  /** Cancels the session the key belongs to. A wrong key does nothing and says nothing, as the protocol has it. */
  cancel(key: CancelKey): void {
    const session = this.#sessions.get(key.processId)
    if (!session || session.secretKey.length !== key.secretKey.length) return
    if (timingSafeEqual(session.secretKey, key.secretKey)) session.cancel()
  }
}
