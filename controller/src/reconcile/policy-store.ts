import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { digestOfBytes } from '@sallyport/crds'
import type { Logger } from 'pino'
import type { CompiledModule } from '../grants/build-snapshot.ts'
import { isRecord } from '../kube/objects.ts'

/** A module in force, and the source it was made from. */
export interface StoredModule extends CompiledModule {
  readonly uid: string
  /** Digest of the Rego and of the compiler's version. */
  readonly sourceDigest: string
}

/**
 * Compiled modules, the last good one of each policy: in memory, and in a folder, so that a restart neither compiles
 * everything anew nor forgets what is in force while a newer source does not compile.
 */
export class PolicyStore {
  readonly #dir: string
  readonly #modules = new Map<string, StoredModule>()
  readonly #wasm = new Map<string, Uint8Array>()

  private constructor(dir: string) {
    this.#dir = dir
  }

  /** Reads the folder; what is damaged is left out and compiled again. */
  static open(dir: string, log: Logger): PolicyStore {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const store = new PolicyStore(dir)
    for (const [key, module] of Object.entries(readIndex(join(dir, indexFile), log))) {
      const wasm = readModule(store.#path(module.digest))
      if (wasm && digestOfBytes(wasm) === module.digest) {
        store.#modules.set(key, module)
        store.#wasm.set(module.digest, wasm)
      } else
        log.warn(
          { policy: key, digest: module.digest },
          'a compiled policy of the cache is damaged, compiling it again',
        )
    }
    store.#sweep()
    return store
  }

  get(key: string): StoredModule | undefined {
    return this.#modules.get(key)
  }

  /** The bytes of a module; also of one replaced since, which a sidecar may be about to fetch. */
  wasm(digest: string): Uint8Array | undefined {
    return this.#wasm.get(digest)
  }

  /** Puts a module in force for a policy. */
  set(key: string, module: StoredModule, wasm: Uint8Array): void {
    this.#wasm.set(module.digest, wasm)
    writeWhole(this.#path(module.digest), wasm)
    this.#modules.set(key, module)
    this.#writeIndex()
  }

  delete(key: string): void {
    if (this.#modules.delete(key)) this.#writeIndex()
  }

  #writeIndex(): void {
    writeWhole(join(this.#dir, indexFile), JSON.stringify(Object.fromEntries(this.#modules)))
  }

  #sweep(): void {
    const used = new Set([...this.#modules.values()].map((module) => fileName(module.digest)))
    for (const name of readdirSync(this.#dir)) {
      if (name !== indexFile && !used.has(name)) rmSync(join(this.#dir, name), { force: true })
    }
  }

  #path(digest: string): string {
    return join(this.#dir, fileName(digest))
  }
}

const indexFile = 'index.json'

function fileName(digest: string): string {
  return `${digest.replace(/^sha256:/, '')}.wasm`
}

function readModule(path: string): Uint8Array | null {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}

function readIndex(path: string, log: Logger): Readonly<Record<string, StoredModule>> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const entries = isRecord(value) ? Object.entries(value) : []
    return Object.fromEntries(entries.filter((entry): entry is [string, StoredModule] => isStoredModule(entry[1])))
  } catch (err) {
    if (!(err instanceof Error && 'code' in err && err.code === 'ENOENT'))
      log.warn({ err }, 'the cache of policies is damaged')
    return {}
  }
}

function isStoredModule(value: unknown): value is StoredModule {
  if (!isRecord(value) || typeof value.digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(value.digest)) return false
  return typeof value.volatile === 'boolean' && typeof value.uid === 'string' && typeof value.sourceDigest === 'string'
}

function writeWhole(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 })
  const fd = openSync(`${path}.new`, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${path}.new`, path)
}
