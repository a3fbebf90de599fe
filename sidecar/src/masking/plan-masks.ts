import { createHmac } from 'node:crypto'
import type { MaskKind } from '@sallyport/crds'

/** The masked form of one value as it stands in a DataRow; null in and out: NULL. */
export type Masker = (value: Buffer | null) => Buffer | null

export interface MaskPlan {
  readonly mask: Exclude<MaskKind, 'Deny'>
  /** OID of the column's type, of pg_type. */
  readonly typeOid: number
  /** Format code of Bind and RowDescription: 0 text, 1 binary. */
  readonly format: 0 | 1
  /** Key of `Hash`, of the Database. */
  readonly hashKey: Buffer
  /** atttypmod: where it bounds a string's length, masked values keep to it. */
  readonly typeModifier?: number
}

/**
 * How values of one column are masked so that the declared type stays valid in its format. NULL stays NULL.
 *
 * - `Redact`: strings become `***`, all other types NULL.
 * - `Null`: NULL.
 * - `Partial`: strings keep their last four characters, never more than half, after `***`; all other types NULL.
 * - `Hash`: HMAC-SHA-256 of the value under the Database's key, in the column's type where it can hold one (strings: 32
 *   hexadecimal digits; bytea, uuid, int2, int4 and int8), all other types NULL. Equal values stay equal, in both formats.
 * @returns null where the column cannot be masked so.
 */
export function planMask(plan: MaskPlan): Masker | null {
  switch (plan.mask) {
    case 'Null':
      return toNull
    case 'Redact':
      return isString(plan.typeOid) ? redact(plan) : toNull
    case 'Partial':
      return isString(plan.typeOid) ? partial(plan) : toNull
    case 'Hash':
      return hash(plan)
    default:
      return null
  }
}

const oid = { char: 18, name: 19, int8: 20, int2: 21, int4: 23, text: 25, bytea: 17, unknown: 705, bpchar: 1042, varchar: 1043, uuid: 2950 } // prettier-ignore
const strings: ReadonlySet<number> = new Set([oid.char, oid.name, oid.text, oid.unknown, oid.bpchar, oid.varchar])

function isString(typeOid: number): boolean {
  return strings.has(typeOid)
}

function toNull(): null {
  return null
}

function redact(plan: MaskPlan): Masker {
  const masked = Buffer.from('***'.slice(0, maxLength(plan)))
  return (value) => (value === null ? null : masked)
}

function partial(plan: MaskPlan): Masker {
  const limit = maxLength(plan)
  return (value) => {
    if (value === null) return null
    const characters = Array.from(value.toString('utf8').trimEnd())
    const kept = Math.min(4, Math.floor(characters.length / 2), Math.max(0, limit - 3))
    return Buffer.from('***'.slice(0, limit) + characters.slice(characters.length - kept).join(''))
  }
}

/** Characters a value may have: "char" holds one byte, name 63, varchar(n) and char(n) say so in their modifier (n + 4). */
function maxLength({ typeOid, typeModifier = -1 }: MaskPlan): number {
  if (typeOid === oid.char) return 1
  if (typeOid === oid.name) return 63
  const bounded = typeOid === oid.varchar || typeOid === oid.bpchar
  return bounded && typeModifier > 4 ? typeModifier - 4 : Number.POSITIVE_INFINITY
}

function hash(plan: MaskPlan): Masker {
  const shape = shapeOf(plan)
  if (!shape) return toNull
  const canonical = canonicalOf(plan)
  return (value) => {
    if (value === null) return null
    const bytes = canonical(value)
    return bytes ? shape(createHmac('sha256', plan.hashKey).update(bytes).digest()) : null
  }
}

/** The same bytes for the same value, whatever the format. */
function canonicalOf({ typeOid, format }: MaskPlan): (value: Buffer) => Buffer | null {
  if (typeOid === oid.bpchar) return (value) => Buffer.from(value.toString('utf8').trimEnd())
  if (format === 1 || isString(typeOid)) return (value) => value
  if (typeOid === oid.bytea) return bytesOfText
  if (typeOid === oid.uuid) return (value) => Buffer.from(value.toString('latin1').replaceAll('-', ''), 'hex')
  const size = integerSize(typeOid)
  return (value) => integer(BigInt(value.toString('latin1')), size)
}

function bytesOfText(value: Buffer): Buffer | null {
  const text = value.toString('latin1')
  // bytea_output = escape has no form of its own here: NULL rather than a hash that binary would not agree with.
  return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : null
}

type Shape = (digest: Buffer) => Buffer

function shapeOf(plan: MaskPlan): Shape | null {
  const { typeOid, format } = plan
  const text = format === 0
  if (isString(typeOid)) {
    const limit = Math.min(32, maxLength(plan))
    return (digest) => Buffer.from(digest.toString('hex').slice(0, limit))
  }
  if (typeOid === oid.bytea) return (digest) => (text ? Buffer.from(`\\x${digest.toString('hex')}`) : digest)
  if (typeOid === oid.uuid) return (digest) => (text ? uuidText(digest) : digest.subarray(0, 16))
  const size = integerSize(typeOid)
  if (size === 0) return null
  return (digest) => {
    // Never negative: identifiers seldom are.
    const value = digest.readBigUInt64BE(0) >> BigInt(65 - 8 * size)
    return text ? Buffer.from(String(value)) : integer(value, size)
  }
}

function integerSize(typeOid: number): number {
  return typeOid === oid.int2 ? 2 : typeOid === oid.int4 ? 4 : typeOid === oid.int8 ? 8 : 0
}

function integer(value: bigint, size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes.subarray(8 - size)
}

function uuidText(digest: Buffer): Buffer {
  const hex = digest.toString('hex')
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)]
  return Buffer.from(parts.join('-'))
}
