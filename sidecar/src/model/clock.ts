/** Time as the sidecar takes it: parameters everywhere, so that tests can hold it. */
export interface Clock {
  /** Unix milliseconds, server-adjusted and monotonic: steps of the wall clock never extend access. */
  now(): number
  /** Monotonic milliseconds with a fraction, for durations. */
  monotonic(): number
}
