import { ImageError } from './image-error.ts'
import { runCommand } from './run-command.ts'

/**
 * The libraries a program is linked to, directly or not, and the loader.
 * @returns their paths, sorted; empty for a static program.
 * @throws ImageError `missing-part` when one is not installed.
 */
export async function sharedLibraries(program: string): Promise<readonly string[]> {
  const listed = await runCommand('ldd', [program]).catch((cause: unknown) => {
    if (cause instanceof ImageError && /not a dynamic executable/.test(cause.message)) return ''
    throw cause
  })
  return parseLdd(listed, program)
}

/** Reads what ldd wrote. The kernel's own library is no file. */
export function parseLdd(listed: string, program: string): readonly string[] {
  const paths = listed.split('\n').flatMap((line) => {
    const missing = /^\s*(\S+) => not found/.exec(line)
    if (missing) throw new ImageError('missing-part', `${program} needs ${missing[1] ?? ''}, which is not installed`)
    const path = /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1]
    return path ?? []
  })
  return [...new Set(paths)].sort()
}
