import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  injectPod,
  parsePod,
  type InjectionDatabase,
  type InjectionPlace,
  type InjectionSettings,
} from '@sallyport/controller/inject'
import { validateManifest, type InterceptionMode } from '@sallyport/crds'
import { parseAllDocuments, stringify } from 'yaml'
import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import type { Io } from '../io.ts'
import { readAll } from '../read-all.ts'

export interface InjectFlags {
  readonly filename: string
  readonly databases?: string
  readonly namespace: string
  readonly interception?: InterceptionMode
  readonly image: string
  readonly redirectImage: string
  readonly controllerUrl: string
  readonly caFile?: string
}

/**
 * `sallyport inject`: the manifests with the sidecar in every pod and pod template; 1 when one would be refused.
 * @throws CliError `bad-manifest` or `bad-file`.
 */
export async function runInject(flags: InjectFlags, io: Io): Promise<ExitCode> {
  const text = flags.filename === '-' ? (await readAll(io.stdin)).toString() : await readText(flags.filename)
  const settings: InjectionSettings = {
    image: flags.image,
    redirectImage: flags.redirectImage,
    controllerUrl: flags.controllerUrl,
    caBundle: flags.caFile === undefined ? '' : await readText(flags.caFile),
  }
  const place: InjectionPlace = {
    namespace: flags.namespace,
    ...(flags.interception === undefined ? {} : { interception: flags.interception }),
    databases: flags.databases === undefined ? [] : readDatabases(flags.databases, flags.namespace),
  }
  let code: ExitCode = exitCodes.ok
  for (const object of parseYaml(text, flags.filename)) {
    const result = injectObject(object, place, settings)
    for (const problem of result.problems) {
      io.stderr.write(`sallyport: pod-refused: ${problem}\n`)
      code = exitCodes.failed
    }
    if (result.problems.length === 0) io.stdout.write(`---\n${stringify(result.object)}`)
  }
  return code
}

interface Injected {
  readonly object: unknown
  readonly problems: readonly string[]
}

/** A Pod, or whatever has a pod template in `spec.template` or `spec.jobTemplate.spec.template`. */
function injectObject(object: unknown, place: InjectionPlace, settings: InjectionSettings): Injected {
  if (!isRecord(object)) return { object, problems: [] }
  if (object.kind === 'Pod') return injectTemplate(object, place, settings)
  const { spec } = object
  if (!isRecord(spec)) return { object, problems: [] }
  for (const key of ['template', 'jobTemplate'] as const) {
    if (!isRecord(spec[key])) continue
    const inner = key === 'template' ? injectTemplate(spec[key], place, settings) : injectObject(spec[key], place, settings) // prettier-ignore
    const problems = inner.problems.map((problem) => `spec.${key}.${problem}`)
    return { object: { ...object, spec: { ...spec, [key]: inner.object } }, problems }
  }
  return { object, problems: [] }
}

function injectTemplate(
  template: Readonly<Record<string, unknown>>,
  place: InjectionPlace,
  settings: InjectionSettings,
): Injected {
  const pod = parsePod(template)
  if (!pod) return { object: template, problems: ['spec: is no pod'] }
  const result = injectPod(pod, place, settings)
  if (result.kind === 'Refuse')
    return { object: template, problems: result.problems.map(({ reason, path, message }) => `${path}: ${message} (${reason})`) } // prettier-ignore
  return { object: result.kind === 'Inject' ? result.pod : template, problems: [] }
}

function readDatabases(dir: string, namespace: string): readonly InjectionDatabase[] {
  const files = readdirSync(dir).filter((name) => /\.(ya?ml|json)$/.test(name))
  return files.flatMap((file) => {
    const objects = parseYaml(readFileSync(join(dir, file), 'utf8'), file).filter(isDatabase)
    return objects.map((object) => toDatabase(object, file, namespace))
  })
}

function isDatabase(object: unknown): object is Readonly<Record<string, unknown>> {
  return isRecord(object) && object.kind === 'Database'
}

function toDatabase(object: Readonly<Record<string, unknown>>, file: string, otherwise: string): InjectionDatabase {
  const [problem] = validateManifest(object)
  const { metadata, spec } = object
  if (problem || !isRecord(metadata) || !isRecord(spec))
    throw new CliError('bad-manifest', `${file}: ${problem?.path ?? ''}: ${problem?.message ?? 'is no Database'}`, exitCodes.unusable) // prettier-ignore
  return {
    namespace: typeof metadata.namespace === 'string' ? metadata.namespace : otherwise,
    name: String(metadata.name),
    host: String(spec.host),
    port: Number(spec.port ?? 5432),
    localPort: Number(spec.localPort),
  }
}

function parseYaml(text: string, file: string): readonly unknown[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors
    if (error) throw new CliError('bad-manifest', `${file}: ${error.message}`, exitCodes.unusable)
    return document.toJS() as unknown
  })
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new CliError('bad-file', `${file} cannot be read`, exitCodes.unusable, { cause })
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
