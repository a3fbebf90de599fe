/** The table: what hostile and clumsy authors write, and what is answered. The files say what their columns mean. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export interface PodRow {
  readonly name: string
  /** Namespace the pod is made in; `local` unless it says so. */
  readonly in?: string
  /** Path → value. */
  readonly set?: Readonly<Record<string, unknown>>
  /** Paths. */
  readonly remove?: readonly string[]
}

/** A pod as its author writes it, or outside of enrolled namespaces. */
export interface AuthorRow extends PodRow {
  readonly answer: string
  readonly policies?: string
  readonly seal?: string
}

export interface GoodRow extends PodRow {
  readonly why?: string
  readonly containers?: number
}

/** A copy of an injected pod, of the namespace it is made in unless `from` says another. */
export interface CopyRow extends PodRow {
  readonly from?: string
  /** Two elements of a list that change places. */
  readonly swap?: readonly [string, string]
  readonly webhook?: string
  readonly policies: string
  readonly seal?: string
}

export interface ChangeRow {
  readonly name: string
  readonly pod: string
  readonly subresource?: string
  readonly patch: object
  readonly answer: string
}

export interface ConnectionRow {
  readonly name: string
  readonly pod: string
  readonly verb: 'exec' | 'attach'
  readonly container: string
  readonly answer: string
}

export interface NamespaceRow {
  readonly name: string
  readonly namespace: string
  readonly patch: object
  readonly answer: string
  readonly administrator: string
}

export const authorRows = read('pods') as readonly AuthorRow[]
export const goodRows = read('good-pods') as readonly GoodRow[]
export const copyRows = read('copies') as readonly CopyRow[]
export const outsideRows = read('outside') as readonly AuthorRow[]
export const changeRows = read('changes') as readonly ChangeRow[]
export const connectionRows = read('connections') as readonly ConnectionRow[]
export const namespaceRows = read('namespaces') as readonly NamespaceRow[]

function read(file: string): unknown {
  return parse(readFileSync(join(import.meta.dirname, `${file}.yaml`), 'utf8'))
}
