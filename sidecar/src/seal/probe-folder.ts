import { constants, watch, type FSWatcher } from 'node:fs'
import { open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { ProbeTargets } from './probe-targets.ts'
import { SealError } from './seal-error.ts'

const maxResultBytes = 512 << 10

/**
 * The folder the sidecar shares with the probe: it writes targets.json and reads result.json. Both are put in place by
 * rename, so that a reader finds an old or a new one, never half of one.
 */
export class ProbeFolder {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  /** Readable for the probe, which runs as another user. @throws the system's error. */
  async writeTargets(targets: ProbeTargets): Promise<void> {
    const path = join(this.#dir, 'targets.json')
    await writeFile(`${path}.new`, `${JSON.stringify(targets)}\n`, { mode: 0o644 })
    await rename(`${path}.new`, path)
  }

  /** Null where there is none. @throws SealError when it is too large or no file, or the system's error. */
  async readResult(): Promise<string | null> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = await open(join(this.#dir, 'result.json'), flags).catch((cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
      throw cause
    })
    if (!file) return null
    try {
      if (!(await file.stat()).isFile()) throw new SealError('the result of the probe is no file')
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maxResultBytes + 1), 0, maxResultBytes + 1, 0)
      if (bytesRead > maxResultBytes)
        throw new SealError(`the result of the probe is larger than ${maxResultBytes} bytes`)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  }

  /** Calls `listener` when something in the folder changes, where the system tells of it. @returns how to stop it. */
  watch(listener: () => void, log: Logger): () => void {
    let watcher: FSWatcher | null = null
    try {
      watcher = watch(this.#dir, { persistent: false }, listener)
      watcher.on('error', (cause) => log.warn({ err: cause }, 'results of the probe are found by looking now and then'))
    } catch (cause) {
      log.warn({ err: cause }, 'results of the probe are found by looking now and then')
    }
    return () => watcher?.close()
  }
}
