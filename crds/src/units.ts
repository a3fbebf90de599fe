/**
 * Reads a Go duration (`30m`, `1h30m`, `1.5s`, `250ms`), as CEL's `duration()` accepts it.
 * @returns milliseconds, rounded down; null where it is none or is negative.
 */
export function parseDurationMs(text: string): number | null {
  if (text === '0') return 0
  if (!/^\+?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*$/.test(text))
    return null
  let ms = 0
  for (const [, amount = '', unit = ''] of text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    ms += Number(amount) * (unitMs[unit] ?? 0)
  }
  return Number.isFinite(ms) ? Math.floor(ms) : null
}

/**
 * Reads a Kubernetes quantity that counts bytes or things (`10Mi`, `1G`, `500`).
 * @returns the number, rounded down; null where it is none or is negative.
 */
export function parseQuantity(quantity: string | number): number | null {
  const match = /^\+?(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P|m|[eE]\+?\d{1,2})?$/.exec(String(quantity))
  if (!match) return null
  const [, amount = '', suffix = ''] = match
  const factor = /^[eE]/.test(suffix) ? 10 ** Number(suffix.slice(1)) : factors[suffix]
  if (factor === undefined) return null
  const value = Math.floor(Number(amount) * factor)
  return Number.isSafeInteger(value) ? value : null
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

const factors: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
}
