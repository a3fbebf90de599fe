/** How much is tried, and from where. */
export interface FuzzConfig {
  /** The same seed tries the same inputs. */
  readonly seed: number
  /** Frames of each direction. */
  readonly frames: number
  readonly texts: number
  /** Sessions through a sidecar. */
  readonly sessions: number
}

/** A short run by default; `make fuzz` sets all of it. @throws for what is no count. */
export function fuzzConfig(env: NodeJS.ProcessEnv = process.env): FuzzConfig {
  return {
    seed: count(env, 'SALLYPORT_FUZZ_SEED', 1),
    frames: count(env, 'SALLYPORT_FUZZ_FRAMES', 300_000),
    texts: count(env, 'SALLYPORT_FUZZ_TEXTS', 20_000),
    sessions: count(env, 'SALLYPORT_FUZZ_SESSIONS', 300),
  }
}

function count(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const value = Number(env[name] ?? otherwise)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} is not a count`)
  return value
}
