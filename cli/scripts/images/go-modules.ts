import type { Part } from './part.ts'
import { runCommand } from './run-command.ts'

/** The modules and the standard library that are linked into a Go program. */
export async function goModules(program: string): Promise<readonly Part[]> {
  return parseGoVersion(await runCommand('go', ['version', '-m', program], { cwd: '/' }))
}

/** Reads what `go version -m` wrote; where a module is replaced, its replacement is what is linked. */
export function parseGoVersion(listed: string): readonly Part[] {
  const [first = '', ...rest] = listed.split('\n')
  const stdlib = /: go(\S+)/.exec(first)?.[1]
  const parts: Part[] = stdlib === undefined ? [] : [{ kind: 'go', name: 'stdlib', version: stdlib }]
  for (const line of rest) {
    const [, keyword = '', name = '', version = ''] = line.split('\t')
    if (keyword === '=>') parts.pop()
    // A module built in its own folder has no version: that is ours.
    if ((keyword === 'dep' || keyword === '=>') && version !== '') parts.push({ kind: 'go', name, version })
  }
  return parts
}
