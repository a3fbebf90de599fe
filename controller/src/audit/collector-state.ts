import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { noSegment, type ChainPosition } from '@sallyport/crds'
import { CollectorError } from './errors.ts'
import { syncFolder } from './journal.ts'

/** Where a source's chain stands and when it was last heard, Unix milliseconds. */
export interface SourcePosition extends ChainPosition {
  readonly seenMs: number
}

/** What the collector must know beyond the files of its journal. */
export interface CollectorState {
  /** Name of the stream of segments; a new one whenever the old one's names turned out to be taken. */
  readonly stream: string
  /** Number of the next segment to be created. */
  readonly nextSeq: number
  readonly lastSegmentHash: string
  readonly sources: Readonly<Record<string, SourcePosition>>
}

/** A stream nobody else writes: `<prefix>-<6 hex>`. */
export function newStream(prefix: string): string {
  return `${prefix.slice(0, 40)}-${randomBytes(3).toString('hex')}`
}

export function firstState(prefix: string): CollectorState {
  return { stream: newStream(prefix), nextSeq: 1, lastSegmentHash: noSegment, sources: {} }
}

/**
 * Reads the state file.
 * @returns null where there is none.
 * @throws CollectorError `corrupt`.
 */
export function readState(path: string): CollectorState | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw new CollectorError('corrupt', `${path} cannot be read`, { cause })
  }
  const state = parseState(text)
  if (!state) throw new CollectorError('corrupt', `${path} is not the state of a collector`)
  return state
}

/** Replaces the state file; after a crash at any instant either the old or the new one is there, whole. */
export function writeState(path: string, state: CollectorState): void {
  const draft = `${path}.new`
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600 })
  const fd = openSync(draft, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(draft, path)
  syncFolder(dirname(path))
}

function parseState(text: string): CollectorState | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    if (!('stream' in value) || !('nextSeq' in value) || !('lastSegmentHash' in value) || !('sources' in value))
      return null
    const { stream, nextSeq, lastSegmentHash, sources } = value
    if (typeof stream !== 'string' || !Number.isSafeInteger(nextSeq) || typeof nextSeq !== 'number') return null
    if (typeof lastSegmentHash !== 'string' || typeof sources !== 'object' || sources === null) return null
    if (!isPositions(sources)) return null
    return { stream, nextSeq, lastSegmentHash, sources }
  } catch {
    return null
  }
}

function isPositions(value: object): value is Record<string, SourcePosition> {
  return Object.values(value).every(isPosition)
}

function isPosition(value: unknown): value is SourcePosition {
  if (typeof value !== 'object' || value === null) return false
  if (!('seq' in value) || !('hash' in value) || !('seenMs' in value)) return false
  return typeof value.seq === 'number' && typeof value.hash === 'string' && typeof value.seenMs === 'number'
}
