/**
 * What comes from the CRDs: TypeScript types, the schemas manifests are validated with, the reference of every field, and
 * the chart's copies; and what comes from the chart's values: their table. Usage: generate.ts [--check]; with --check nothing is written, what differs is summed up on stderr,
 * and the exit code is then 1.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from 'json-schema-to-typescript'
import { format, resolveConfig } from 'prettier'
import { parse } from 'yaml'
import { digestOf } from '../src/digest.ts'
import type { CustomResourceDigest } from '../src/validation/custom-resources.ts'
import { chartCopy } from './chart-copy.ts'
import { schemaOf, type CustomResource } from './crd-schema.ts'
import { toManifestSchema, toTypeSchema } from './json-schema.ts'
import { referenceOf } from './reference.ts'
import { valuesTable, type ValuesSchema } from './values-table.ts'

const root = join(import.meta.dirname, '../..')
/** Everything in them is generated. */
const ownFolders = ['crds/src/types', 'charts/sallyport/templates/crds']

const files = await generateFiles()
if (process.argv.includes('--check')) {
  const problems = [...changed(files), ...leftOver(files)]
  for (const problem of problems) process.stderr.write(`${problem}\n`)
  if (problems.length > 0) process.stderr.write('run make generate and commit what it writes\n')
  process.exitCode = problems.length > 0 ? 1 : 0
} else {
  for (const folder of ownFolders) rmSync(join(root, folder), { recursive: true, force: true })
  for (const [path, text] of files) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

async function generateFiles(): Promise<ReadonlyMap<string, string>> {
  const folder = join(root, 'crds')
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  const sources = names.sort().map((name) => {
    const text = readFileSync(join(folder, name), 'utf8')
    return { name, text, crd: parse(text) as CustomResource }
  })
  const resources = sources.map(({ crd }) => crd)
  const result = new Map<string, string>()
  for (const crd of resources) result.set(`crds/src/types/${kindFile(crd)}.ts`, await typesOf(crd))
  result.set('crds/src/types/index.ts', indexOf(resources))
  result.set('crds/src/validation/schemas.generated.ts', await schemasOf(resources))
  result.set('docs/reference.md', await pretty('docs/reference.md', referenceOf(resources)))
  result.set('docs/values.md', await pretty('docs/values.md', valuesTable(...chartValues())))
  for (const { name, text } of sources) result.set(`charts/sallyport/templates/crds/${name}`, chartCopy(text))
  return result
}

function chartValues(): readonly [text: string, schema: ValuesSchema] {
  const read = (name: string): string => readFileSync(join(root, 'charts/sallyport', name), 'utf8')
  return [read('values.yaml'), JSON.parse(read('values.schema.json')) as ValuesSchema]
}

function changed(wanted: ReadonlyMap<string, string>): readonly string[] {
  return [...wanted].flatMap(([path, text]) => {
    const file = join(root, path)
    if (!existsSync(file)) return [`${path}: is not there`]
    const [have, want] = [readFileSync(file, 'utf8').split('\n'), text.split('\n')]
    const at = want.findIndex((line, index) => line !== have[index])
    const first = at === -1 ? want.length : at
    if (at === -1 && have.length === want.length) return []
    return [`${path}: differs from line ${first + 1}\n  - ${have[first] ?? '(end)'}\n  + ${want[first] ?? '(end)'}`]
  })
}

function leftOver(wanted: ReadonlyMap<string, string>): readonly string[] {
  return ownFolders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => !wanted.has(path))
    .map((path) => `${path}: comes from no CRD`)
}

function banner(): string {
  return '// Generated from the CRDs by make generate; do not edit.\n'
}

function kindFile(crd: CustomResource): string {
  return crd.spec.names.kind.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase()
}

function indexOf(crds: readonly CustomResource[]): string {
  const lines = crds.map((crd) => `export type { ${crd.spec.names.kind} } from './${kindFile(crd)}.ts'\n`)
  return `${banner()}${lines.join('')}`
}

async function typesOf(crd: CustomResource): Promise<string> {
  const options = { additionalProperties: false, bannerComment: '', ignoreMinAndMaxItems: true }
  const text = await compile(toTypeSchema(schemaOf(crd)), crd.spec.names.kind, options)
  return pretty(`${kindFile(crd)}.ts`, `${banner()}${text}`)
}

async function schemasOf(crds: readonly CustomResource[]): Promise<string> {
  const schemas = Object.fromEntries(crds.map((crd) => [crd.spec.names.kind, toManifestSchema(schemaOf(crd))]))
  const clustered = crds.filter((crd) => crd.spec.scope === 'Cluster').map((crd) => crd.spec.names.kind)
  const text = `${banner()}import type { CustomResourceDigest } from './custom-resources.ts'
import type { ManifestSchema } from './manifest-schema.ts'

export const manifestSchemas: Readonly<Record<string, ManifestSchema>> = ${JSON.stringify(schemas)}

export const clusterScopedKinds: readonly string[] = ${JSON.stringify(clustered)}

export const customResourceDigests: readonly CustomResourceDigest[] = ${JSON.stringify(crds.map(digestEntry))}
`
  return pretty('schemas.generated.ts', text)
}

function digestEntry(crd: CustomResource): CustomResourceDigest {
  const version = crd.spec.versions[0]?.name ?? ''
  return { name: crd.metadata.name, kind: crd.spec.names.kind, version, schemaDigest: digestOf(schemaOf(crd)) }
}

async function pretty(path: string, text: string): Promise<string> {
  const file = join(root, path)
  return format(text, { ...(await resolveConfig(file)), filepath: file })
}
