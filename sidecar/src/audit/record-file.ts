import { closeSync, ftruncateSync, fsync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { AuditError } from '../model/audit-event.ts'

/** The two system calls whose failures decide what may be forwarded. */
export interface RecordIo {
  readonly write: (fd: number, bytes: Buffer, position: number) => number
  readonly sync: (fd: number) => Promise<void>
}

const fsyncAsync = promisify(fsync)

export const systemIo: RecordIo = {
  write: (fd, bytes, position) => writeSync(fd, bytes, 0, bytes.length, position),
  sync: (fd) => fsyncAsync(fd),
}

/** A file of lines with one writer: each line is there whole or not at all, for whoever reads up to `length`. */
export class RecordFile {
  readonly path: string
  readonly #fd: number
  readonly #io: RecordIo
  #length: number
  /** Bytes that no fsync has covered yet, kept because a failed fsync may have dropped them from the page cache. */
  #unsynced: Buffer[] = []
  #unsyncedFrom: number
  #mustRewrite = false

  /**
   * @param options  `length`: where the next line goes; `flags` of open(2): `wx` for a file that must not exist yet.
   * @throws AuditError when the file cannot be opened.
   */
  constructor(
    path: string,
    options: { readonly length: number; readonly flags: 'wx' | 'r+' | 'w'; readonly io?: RecordIo },
  ) {
    this.path = path
    this.#io = options.io ?? systemIo
    this.#length = options.length
    this.#unsyncedFrom = options.length
    try {
      this.#fd = openSync(path, options.flags, 0o600)
    } catch (cause) {
      throw new AuditError('the audit file could not be opened', { cause })
    }
  }

  get length(): number {
    return this.#length
  }

  get isDirty(): boolean {
    return this.#unsynced.length > 0
  }

  /**
   * Writes whole lines, their line ends included, by one pwrite(2). The bytes are kept until they are on disk.
   * @throws AuditError when not all of it was taken; the file is as it was.
   */
  write(bytes: Buffer): void {
    let written: number
    try {
      written = this.#io.write(this.#fd, bytes, this.#length)
    } catch (cause) {
      throw new AuditError('the audit record could not be written', { cause })
    }
    if (written !== bytes.length) {
      this.#cutBack()
      throw new AuditError('the audit record was written in part only: the disk is full')
    }
    this.#length += bytes.length
    this.#unsynced.push(bytes)
  }

  /**
   * Resolves when everything written before the call is on disk.
   *
   * After a failed fsync the kernel may hold the lost pages as clean, and the next fsync would succeed without them; so
   * the bytes are written again first.
   */
  async sync(): Promise<void> {
    const count = this.#unsynced.length
    const upTo = this.#length
    try {
      if (this.#mustRewrite) this.#rewrite()
      await this.#io.sync(this.#fd)
    } catch (cause) {
      this.#mustRewrite = true
      throw new AuditError('the audit file could not be synced', { cause })
    }
    this.#mustRewrite = false
    this.#unsynced.splice(0, count)
    this.#unsyncedFrom = upTo
  }

  close(): void {
    closeSync(this.#fd)
  }

  #rewrite(): void {
    const bytes = Buffer.concat(this.#unsynced)
    if (this.#io.write(this.#fd, bytes, this.#unsyncedFrom) !== bytes.length) {
      throw new AuditError('the audit records could not be written again')
    }
  }

  /** What a torn write left would be overwritten by the next line anyway, or cut off as a torn line at the next start. */
  #cutBack(): void {
    try {
      ftruncateSync(this.#fd, this.#length)
    } catch {
      return
    }
  }
}
