/** The value below which a share of the samples lies, nearest rank. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** `p50 12 ms, p99 30 ms, max 31 ms (n 100)`. */
export function describeMs(samples: readonly number[], digits = 0): string {
  const at = (share: number): string => percentile(samples, share).toFixed(digits)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms (n ${samples.length})`
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}
