import { parseDurationMs, parseQuantity } from '../units.ts'

export type Check = (self: unknown) => boolean

/** A rule of a CRD that has no counterpart here: who wrote it forgot this file. */
export class UnknownRuleError extends Error {
  override readonly name = 'UnknownRuleError'
  readonly code = 'unknown-rule'
}

/**
 * What a CEL rule of our CRDs asks, without CEL: rules of the same form by their form, the others one by one.
 * @throws UnknownRuleError
 */
export function checkOf(rule: string): Check {
  for (const [form, make] of forms) {
    const match = form.exec(rule)
    if (match) return make(...match.slice(1))
  }
  const check = single[rule]
  if (!check) throw new UnknownRuleError(`no check for the rule ${rule}`)
  return check
}

type Form = readonly [form: RegExp, make: (...parts: string[]) => Check]

const forms: readonly Form[] = [
  [/^false$/, () => () => false],
  [/^self == (\d+)$/, (wanted) => (self) => String(self) === wanted],
  [/^self == '(\w+)'$/, (wanted) => (self) => self === wanted],
  [
    /^self\.matches\(r'(.*)'\) && duration\(self\) > duration\('0s'\) && duration\(self\) <= duration\('(\w+)'\)$/,
    (pattern = '', most = '') => isDuration(new RegExp(pattern, 'u'), parseDurationMs(most) ?? 0),
  ],
  [/^self\.matches\(r'(.*)'\)$/, (pattern = '') => isMatching(new RegExp(pattern, 'u'))],
]

function isMatching(pattern: RegExp): Check {
  return (self) => typeof self === 'string' && pattern.test(self)
}

function isDuration(pattern: RegExp, mostMs: number): Check {
  return (self) => {
    const ms = typeof self === 'string' && pattern.test(self) ? parseDurationMs(self) : null
    return ms !== null && ms > 0 && ms <= mostMs
  }
}

const writes = ['Insert', 'Update', 'Delete', 'Merge', 'CopyIn']

const single: Readonly<Record<string, Check>> = {
  'self < 15900 || self > 15999': (self) => Number(self) < 15_900 || Number(self) > 15_999,
  'has(self.static) != has(self.ephemeral)': (self) => has(self, 'static') !== has(self, 'ephemeral'),
  "(has(self.from) && self.from == 'Selector') == has(self.namespaceSelector)": (self) =>
    (at(self, 'from') === 'Selector') === has(self, 'namespaceSelector'),
  "!has(self.tls) || !has(self.tls.mode) || self.tls.mode in ['VerifyCA', 'VerifyFull'] || !has(self.tls.caSecretRef)":
    (self) => {
      const tls = at(self, 'tls')
      return (
        !has(tls, 'mode') || ['VerifyCA', 'VerifyFull'].includes(String(at(tls, 'mode'))) || !has(tls, 'caSecretRef')
      )
    },
  "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)": (self) =>
    ['In', 'NotIn'].includes(String(at(self, 'operator'))) === list(self, 'values').length > 0,
  "!has(self.maxAffectedRows) || self.operations.exists(o, o in ['Insert', 'Update', 'Delete', 'Merge', 'CopyIn'])": (
    self,
  ) => !has(self, 'maxAffectedRows') || list(self, 'operations').some((each) => writes.includes(String(each))),
  "type(self) == int ? int(self) > 0 : isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))":
    (self) => (typeof self === 'number' || typeof self === 'string') && (parseQuantity(self) ?? 0) > 0,
  'has(self.duration) || has(self.notAfter)': (self) => has(self, 'duration') || has(self, 'notAfter'),
  '!has(self.notBefore) || !has(self.notAfter) || timestamp(self.notBefore) < timestamp(self.notAfter)': (self) => {
    const [begin, end] = [Date.parse(String(at(self, 'notBefore'))), Date.parse(String(at(self, 'notAfter')))]
    // One that is absent or unreadable compares to nothing; the schema says what is unreadable.
    return Number.isNaN(begin) || Number.isNaN(end) || begin < end
  },
  'self.fromSeq <= self.toSeq': (self) => Number(at(self, 'fromSeq')) <= Number(at(self, 'toSeq')),
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function has(value: unknown, key: string): boolean {
  return at(value, key) !== undefined
}

function list(value: unknown, key: string): readonly unknown[] {
  const found = at(value, key)
  return Array.isArray(found) ? found : []
}
