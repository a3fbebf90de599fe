import { loadPolicy } from '@open-policy-agent/opa-wasm'

/** A compiled policy that could not be loaded or evaluated. */
export class PolicyError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PolicyError'
  }
}

/** One WASM module of `opa build`, ready to be asked. */
export interface OpaPolicy {
  readonly has: (entrypoint: string) => boolean
  /** @returns the entrypoint's document; undefined where it is undefined. @throws PolicyError */
  readonly evaluate: (entrypoint: string, input: unknown) => unknown
}

const memoryPages = { initial: 5, maximum: 1024 }

/** @throws PolicyError where the bytes are no module of `opa build`, or one that does not fit the runtime. */
export async function loadOpaPolicy(wasm: Uint8Array): Promise<OpaPolicy> {
  try {
    const policy = await loadPolicy(new Uint8Array(wasm).buffer, memoryPages)
    const entrypoints = new Set(entrypointsOf(policy.entrypoints))
    return {
      has: (entrypoint) => entrypoints.has(entrypoint),
      evaluate: (entrypoint, input) => {
        try {
          const results: unknown = policy.evaluate(input, entrypoint)
          return Array.isArray(results) ? resultOf(results[0]) : undefined
        } catch (cause) {
          throw new PolicyError(`${entrypoint} could not be evaluated`, { cause })
        }
      },
    }
  } catch (cause) {
    throw new PolicyError('the module cannot be loaded', { cause })
  }
}

function resultOf(binding: unknown): unknown {
  return typeof binding === 'object' && binding !== null && 'result' in binding ? binding.result : undefined
}

function entrypointsOf(value: unknown): readonly string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : []
}
