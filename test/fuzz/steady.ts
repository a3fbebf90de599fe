import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface Steady {
  /** Runs one input; its time is kept. */
  run<T>(input: () => T): T
  /** Longest time of one input, milliseconds. */
  readonly slowestMs: number
  /** Bytes of live objects more than when the second fifth of the inputs began. */
  grownBytes(): number
}

/** Watches a loop over `total` inputs: none may take long, and nothing may pile up. */
export function watchSteady(total: number): Steady {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let [done, slowestMs, baseBytes] = [0, 0, 0]
  const liveBytes = (): number => {
    collect()
    const { heapUsed, external, arrayBuffers } = process.memoryUsage()
    return heapUsed + external + arrayBuffers
  }
  return {
    run: (input) => {
      if (done === Math.floor(total / 5)) baseBytes = liveBytes()
      done += 1
      const startedMs = performance.now()
      const result = input()
      slowestMs = Math.max(slowestMs, performance.now() - startedMs)
      return result
    },
    get slowestMs() {
      return slowestMs
    },
    grownBytes: () => liveBytes() - baseBytes,
  }
}
