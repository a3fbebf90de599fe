import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto'

export interface CancelKey {
  readonly processId: number
  readonly secretKey: Buffer
}

/** Bytes of the secret of protocol 3.0, and of 3.2, where 4 to 256 are allowed and servers send 32. */
const secretBytes = { short: 4, long: 32 }

type Cancel = () => Promise<void>

/** Cancel keys of our own: the server's are never shown to a client. */
export class CancelRegistry {
  readonly #sessions = new Map<number, { readonly secretKey: Buffer; readonly cancel: Cancel }>()

  register(cancel: Cancel, length: keyof typeof secretBytes): CancelKey {
    let processId: number
    do processId = randomInt(1, 0x7fffffff)
    while (this.#sessions.has(processId))
    const secretKey = randomBytes(secretBytes[length])
    this.#sessions.set(processId, { secretKey, cancel })
    return { processId, secretKey }
  }

  release(key: CancelKey): void {
    this.#sessions.delete(key.processId)
  }

  /**
   * Cancels what the session of the key runs. A wrong key does nothing and says nothing, as the protocol has it.
   * @returns resolves when the server has the request, or there was nothing to ask for.
   */
  async cancel(key: CancelKey): Promise<void> {
    const session = this.#sessions.get(key.processId)
    if (!session || session.secretKey.length !== key.secretKey.length) return
    if (timingSafeEqual(session.secretKey, key.secretKey)) await session.cancel()
  }
}
