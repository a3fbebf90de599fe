/**
 * docs/reasons.md has a heading for every deny reason, and every reason a policy gives has its Rego file; none too many.
 * Admission policies use the same words for pods.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { podReasons } from '@sallyport/controller/inject'
import { denyReasons } from '@sallyport/sidecar/reasons'

const root = join(import.meta.dirname, '../..')
const problems: string[] = []
const docs = readFileSync(join(root, 'docs/reasons.md'), 'utf8')
const headings = [...docs.matchAll(/^## `([a-z-]+)`$/gm)].map(([, reason]) => reason ?? '')
const reasons = Object.keys(denyReasons)
for (const reason of reasons) if (!headings.includes(reason)) problems.push(`docs/reasons.md has no heading ${reason}`)
for (const heading of headings)
  if (!reasons.includes(heading)) problems.push(`docs/reasons.md: ${heading} is no reason`)
const podHeadings = [...docs.matchAll(/^### `([a-z-]+)`$/gm)].map(([, reason]) => reason ?? '')
if (podHeadings.join() !== podReasons.join())
  problems.push(`docs/reasons.md has other reasons for pods than ${podReasons.join(', ')}`)
const policies = join(root, 'charts/sallyport/templates/admission-policies')
for (const file of readdirSync(policies))
  for (const [, message = ''] of readFileSync(join(policies, file), 'utf8').matchAll(/^ +- message: '(.*)'$/gm))
    if (!podReasons.includes(message.split(':')[0] ?? '')) problems.push(`${file}: "${message}" begins with no reason`)
const folder = join(root, 'sidecar/policy/deny')
for (const [reason, { by, message, sqlstate }] of Object.entries(denyReasons)) {
  const file = `${reason.replaceAll('-', '_')}.rego`
  if (existsSync(join(folder, file)) !== (by === 'policy')) problems.push(`policy/deny/${file}: by is ${by}`)
  if (!docs.includes(message)) problems.push(`docs/reasons.md does not have the message of ${reason}`)
  if (!section(reason).includes(sqlstate)) problems.push(`docs/reasons.md: ${reason} is ${sqlstate}`)
}
for (const file of readdirSync(folder)) {
  const reason = file.replace(/(_test)?\.rego$/, '').replaceAll('_', '-')
  if (!reasons.includes(reason)) problems.push(`policy/deny/${file} is of no reason`)
}
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.exitCode = problems.length > 0 ? 1 : 0

function section(reason: string): string {
  const start = docs.indexOf(`## \`${reason}\``)
  const end = docs.indexOf('\n## ', start + 1)
  return docs.slice(start, end < 0 ? undefined : end)
}
