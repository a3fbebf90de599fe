import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runAny, type RunResult } from '../rig/process.ts'
import type { Tools } from './walk.ts'

/** What happened can be read, proven, and not be changed unnoticed. */
export async function auditSteps(tools: Tools): Promise<void> {
  const { stage, plane, mustKubectl, installation } = tools
  stage.step('the record')
  const command = join(import.meta.dirname, '../../cli/bin/sallyport')
  const env = { ...process.env, KUBECONFIG: plane.kubeconfig }
  const sallyport = (line: string, lines = 40): Promise<RunResult> =>
    stage.run(`sallyport ${line.replaceAll(plane.dir, '…')}`, command, line.split(' '), { env, lines })
  await stage.until('the end of the last session is in a segment', async () => {
    const { stdout } = await runAny(command, ['audit', 'tail', '--lines', '1000'], { env })
    return isComplete(stdout) ? stdout : null
  })
  await mustKubectl('get accessgrants,auditsegments --all-namespaces')
  const tail = await sallyport('audit tail --lines 8')
  stage.must(tail.code === 0 && tail.stdout.includes('Outcome'), 'the records are readable')
  const verified = await sallyport('audit verify')
  stage.must(verified.code === 0, 'the record verifies')
  stage.step('one byte of a copied segment is changed')
  const copies = join(plane.dir, 'segments')
  mkdirSync(copies)
  const all = await plane.mustKubectl(['get', 'auditsegments', '-n', installation.namespace, '-o', 'json'])
  const { items } = JSON.parse(all) as { items: { metadata: { name: string }; spec: Record<string, unknown> }[] }
  for (const item of items) writeFileSync(join(copies, `${item.metadata.name}.json`), JSON.stringify(item))
  const intact = await sallyport(`audit verify --dir ${copies}`)
  stage.must(intact.code === 0, 'the copy verifies')
  const [first] = items
  stage.must(first !== undefined, 'there is a segment')
  const file = join(copies, `${first?.metadata.name ?? ''}.json`)
  writeFileSync(file, flipByte(readFileSync(file, 'utf8')))
  const broken = await sallyport(`audit verify --dir ${copies}`)
  const isNamed = `${broken.stdout}${broken.stderr}`.includes(first?.metadata.name ?? '?')
  stage.must(broken.code === 1 && isNamed, 'verify names the segment')
}

/** The outcome of the statement that was revoked last has arrived. */
function isComplete(tail: string): boolean {
  return /Statement\/Outcome .* grant=agents\/second .* reason=grant-revoked/.test(tail)
}

/** Changes one character in the middle of the body. */
function flipByte(text: string): string {
  const match = /"body":"([^"]+)"/.exec(text)
  if (!match) return text
  const at = match.index + '"body":"'.length + Math.floor((match[1] ?? '').length / 2)
  return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
}
