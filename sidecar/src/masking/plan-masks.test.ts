import { describe, expect, it } from 'vitest'
import { planMask, type MaskPlan } from './plan-masks.ts'

const hashKey = Buffer.alloc(32, 7)
const text = 25
const int4 = 23
const uuid = 2950

function mask(plan: Partial<MaskPlan> & Pick<MaskPlan, 'mask' | 'typeOid'>, value: Buffer | string | null) {
  const masker = planMask({ format: 0, hashKey, ...plan })
  if (!masker) throw new Error('no masker')
  return masker(typeof value === 'string' ? Buffer.from(value) : value)
}

describe('planMask', () => {
  const cases: readonly { name: string; plan: Parameters<typeof mask>[0]; value: string; masked: string | null }[] = [
    { name: 'Redact hides a string whole', plan: { mask: 'Redact', typeOid: text }, value: 'a@b.c', masked: '***' },
    { name: 'Redact keeps to varchar(2)', plan: { mask: 'Redact', typeOid: 1043, typeModifier: 6 }, value: 'ab', masked: '**' }, // prettier-ignore
    { name: 'Redact makes a number NULL', plan: { mask: 'Redact', typeOid: int4 }, value: '42', masked: null },
    { name: 'Null makes NULL', plan: { mask: 'Null', typeOid: text }, value: 'x', masked: null },
    { name: 'Partial keeps four', plan: { mask: 'Partial', typeOid: text }, value: '901-11-0001', masked: '***0001' },
    {
      name: 'Partial keeps no more than half',
      plan: { mask: 'Partial', typeOid: text },
      value: 'abcd',
      masked: '***cd',
    },
    {
      name: 'Partial of one character keeps none',
      plan: { mask: 'Partial', typeOid: text },
      value: 'a',
      masked: '***',
    },
    { name: 'Partial counts characters', plan: { mask: 'Partial', typeOid: text }, value: 'äöüß', masked: '***üß' },
    { name: 'Partial ignores padding', plan: { mask: 'Partial', typeOid: 1042, typeModifier: 24 }, value: 'abcdefgh   ', masked: '***efgh' }, // prettier-ignore
    { name: 'Partial keeps to varchar(5)', plan: { mask: 'Partial', typeOid: 1043, typeModifier: 9 }, value: 'abcde', masked: '***de' }, // prettier-ignore
    { name: 'Partial makes a date NULL', plan: { mask: 'Partial', typeOid: 1082 }, value: '2020-01-01', masked: null },
    { name: 'Hash makes a type without room NULL', plan: { mask: 'Hash', typeOid: 1082 }, value: '2020-01-01', masked: null }, // prettier-ignore
  ]
  it.each(cases)('$name', ({ plan, value, masked }) => {
    expect(mask(plan, value)?.toString() ?? null).toBe(masked)
  })

  it.each(['Redact', 'Null', 'Partial', 'Hash'] as const)('%s leaves NULL as it is', (kind) => {
    expect(mask({ mask: kind, typeOid: text }, null)).toBeNull()
  })

  it('hashes equal strings alike, others apart, and another key differently', () => {
    const plan = { mask: 'Hash', typeOid: text } as const
    const first = mask(plan, 'a@b.c')
    expect(first?.toString()).toMatch(/^[0-9a-f]{32}$/)
    expect(mask(plan, 'a@b.c')).toEqual(first)
    expect(mask(plan, 'a@b.d')).not.toEqual(first)
    expect(mask({ ...plan, hashKey: Buffer.alloc(32, 8) }, 'a@b.c')).not.toEqual(first)
  })

  it('hashes integers into their type, equal in text and binary', () => {
    const binary = Buffer.alloc(4)
    binary.writeInt32BE(123456)
    const fromText = mask({ mask: 'Hash', typeOid: int4 }, '123456')
    const fromBinary = mask({ mask: 'Hash', typeOid: int4, format: 1 }, binary)
    expect(fromBinary).toHaveLength(4)
    expect(Number(fromText?.toString())).toBe(fromBinary?.readInt32BE(0))
    expect(fromBinary?.readInt32BE(0)).toBeGreaterThanOrEqual(0)
  })

  it('hashes uuids into uuids, equal in text and binary', () => {
    const value = '6f1c2a8e-0b7d-4f5e-9c3a-2d1e0f9b8a7c'
    const fromText = mask({ mask: 'Hash', typeOid: uuid }, value)?.toString() ?? ''
    const fromBinary = mask({ mask: 'Hash', typeOid: uuid, format: 1 }, Buffer.from(value.replaceAll('-', ''), 'hex'))
    expect(fromText).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(fromText.replaceAll('-', '')).toBe(fromBinary?.toString('hex'))
  })
})
