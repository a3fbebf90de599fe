import { randomBytes } from 'node:crypto'
import { watch, type FSWatcher } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Subject } from '@sallyport/crds'
import type { Clock } from '../model/clock.ts'
import type { BundleStore } from './bundle-store.ts'
import { checkFolder } from './check-folder.ts'
import { compilePolicies, type CompiledPolicies, type CompilePolicy } from './compile-policies.ts'
import { FolderError } from './folder-error.ts'
import { folderSnapshot, grantIdentity, grantsOf, grantTimes } from './folder-snapshot.ts'
import type { FolderObjects } from './folder-objects.ts'
import { GrantMemory, nextBeginningMs } from './grant-memory.ts'
import { parseFolderObjects } from './parse-folder-objects.ts'
import { isAborted, pause } from './pause.ts'
import { parseFolder, readFolder } from './read-folder.ts'

export { FolderError, type FolderProblem } from './folder-error.ts'
export type { CompilePolicy, PolicyModule, PolicySource } from './compile-policies.ts'

export interface FolderOptions {
  readonly dir: string
  readonly subject: { readonly namespace: string; readonly serviceAccount: string }
  readonly store: BundleStore
  /** Undefined: a folder with policies is refused. */
  readonly compilePolicy: CompilePolicy | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** How often the folder is looked at where the system does not tell of changes. */
  readonly pollMs?: number
  /** A folder that was just written to is left alone this long: a file may be missing for an instant while it is replaced. */
  readonly settleMs?: number
}

/**
 * Keeps the store at what the manifests of a folder say. Resolves when the first state is in the store; the folder is
 * watched until `signal` aborts. Manifests that are bad later are logged, and the last good state stays.
 * @throws FolderError when the folder cannot be used as it is found first.
 */
export async function watchFolder(options: FolderOptions): Promise<void> {
  const source = new FolderSource(options)
  const seen = await source.load()
  void source.follow(seen)
}

class FolderSource {
  readonly #options: FolderOptions
  readonly #subject: Subject
  readonly #memory = new GrantMemory()
  readonly #hashKeys = new Map<string, string>()
  #objects: FolderObjects = { databases: [], grants: [], policies: [], secrets: new Map() }
  #policies: CompiledPolicies = { modules: new Map(), loaded: [] }

  constructor(options: FolderOptions) {
    this.#options = options
    this.#subject = { ...options.subject, pod: 'standalone', podUID: 'standalone', labels: {} }
  }

  /** Reads the folder and puts it in force. @returns the state it was in. */
  async load(): Promise<string> {
    const { dir, compilePolicy } = this.#options
    const state = await folderState(dir)
    const documents = parseFolder(await readFolder(dir))
    const objects = parseFolderObjects(documents, this.#subject.namespace)
    const problems = checkFolder(objects)
    if (problems.length > 0) throw new FolderError(problems)
    this.#policies = await compilePolicies(objects.policies, this.#subject.namespace, compilePolicy, this.#policies)
    this.#objects = objects
    this.#enforce()
    return state
  }

  async follow(seen: string): Promise<void> {
    const { dir, log, signal, settleMs = 40, pollMs = 100 } = this.#options
    const change = watchChanges(dir, log)
    let loaded = seen
    while (!isAborted(signal)) {
      await change.orAfter(pollMs, signal)
      if (isAborted(signal)) break
      const state = await folderState(dir)
      if (state === loaded) {
        this.#passTime()
        continue
      }
      await pause(settleMs, signal)
      if ((await folderState(dir)) !== state) continue
      loaded = state
      await this.#reload()
    }
    change.close()
  }

  async #reload(): Promise<void> {
    const { log } = this.#options
    try {
      await this.load()
      log.info({ revision: this.#options.store.current()?.revision }, 'the manifests changed and are in force')
    } catch (cause) {
      log.error({ err: cause }, 'the manifests cannot be used; the last good state stays in force')
    }
  }

  /** Nothing in the folder changed, but grants begin and end. */
  #passTime(): void {
    const { store, clock } = this.#options
    store.touch()
    const nowMs = clock.now()
    if (nowMs >= this.#nextBoundaryMs) this.#enforce()
  }

  #nextBoundaryMs = Infinity

  #enforce(): void {
    const { store, clock } = this.#options
    const nowMs = clock.now()
    const grants = grantsOf(this.#objects, this.#subject).map((grant) => ({
      identity: grantIdentity(grant),
      times: grantTimes(grant, this.#objects),
    }))
    const activations = this.#memory.activate(grants, nowMs)
    const ends = [...activations.values()].map((activation) => activation.expiresAtMs)
    this.#nextBoundaryMs = Math.min(nextBeginningMs(grants, nowMs) ?? Infinity, ...ends)
    const policies = this.#policies.loaded
    const hashKeyOf = (database: string): string => this.#hashKeyOf(database)
    const sources = { subject: this.#subject, objects: this.#objects, activations, policies, hashKeyOf }
    store.swap(folderSnapshot(sources, nowMs), policies)
  }

  /** Made anew at every start: there is no place here that keeps a secret. */
  #hashKeyOf(database: string): string {
    const key = this.#hashKeys.get(database) ?? randomBytes(32).toString('base64')
    this.#hashKeys.set(database, key)
    return key
  }
}

/** Changes when any manifest does. */
async function folderState(dir: string): Promise<string> {
  try {
    const names = (await readdir(dir)).sort()
    const states = await Promise.all(
      names.map(async (name) => {
        const { ino, size, mtimeNs, ctimeNs } = await stat(join(dir, name), { bigint: true })
        return `${name} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
      }),
    )
    return states.join('\n')
  } catch {
    return 'unreadable'
  }
}

interface Changes {
  /** Resolves at a change, or after `ms`. */
  orAfter(ms: number, signal: AbortSignal): Promise<void>
  close(): void
}

/** Network file systems and some volumes tell of no change: looking now and then is what is relied on. */
function watchChanges(dir: string, log: Logger): Changes {
  let wake: AbortController | null = null
  let watcher: FSWatcher | null = null
  try {
    watcher = watch(dir, { persistent: false }, () => wake?.abort())
    watcher.on('error', (cause) => log.warn({ err: cause }, 'changes of the folder are found by looking now and then'))
  } catch (cause) {
    log.warn({ err: cause }, 'changes of the folder are found by looking now and then')
  }
  return {
    orAfter: async (ms, signal) => {
      wake = new AbortController()
      await pause(ms, AbortSignal.any([wake.signal, signal]))
    },
    close: () => watcher?.close(),
  }
}
