import type { Readable, Writable } from 'node:stream'

/** The process around a command. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal
  /** Aborts on SIGINT and on a second SIGTERM: what takes its time to end ends at once. */
  readonly atOnce: AbortSignal
}
