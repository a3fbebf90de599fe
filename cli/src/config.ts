import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { CliError, exitCodes } from './cli-error.ts'

/**
 * The opa binary: the flag, else SALLYPORT_OPA, else the first in PATH.
 * @throws CliError `opa-not-found`
 */
export function findOpa(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const named = flag ?? env.SALLYPORT_OPA
  if (named !== undefined && named !== '') {
    if (named.includes('/') ? isExecutable(named) : searchPath(named, env) !== null) {
      return named.includes('/') ? resolve(named) : (searchPath(named, env) ?? named)
    }
    throw new CliError('opa-not-found', `${named} cannot be executed`, exitCodes.unusable)
  }
  const found = searchPath('opa', env)
  if (found !== null) return found
  throw new CliError(
    'opa-not-found',
    'policies are compiled with opa, which is not in PATH; name it with --opa-bin or SALLYPORT_OPA',
    exitCodes.unusable,
  )
}

function searchPath(name: string, env: NodeJS.ProcessEnv): string | null {
  const candidates = (env.PATH ?? '').split(delimiter).map((dir) => join(dir === '' ? '.' : dir, name))
  return candidates.find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
