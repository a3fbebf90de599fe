import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { run, runAny, type RunResult } from './process.ts'
import { toolPath } from './tool-paths.ts'

/** Folder of the chart. */
export const chartFolder = join(import.meta.dirname, '../../charts/sallyport')

/** The fields of a manifest that tests of the chart look at. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: unknown
  readonly [field: string]: unknown
}

const release = ['sallyport', chartFolder, '--namespace=sallyport-system']

/** What `helm template` prints for a release `sallyport` in `sallyport-system`, hooks included. @throws RigError when it refuses. */
export function renderText(args: readonly string[] = []): Promise<string> {
  return run(toolPath('helm'), ['template', ...release, ...args])
}

/** The same, whatever its exit code. */
export function tryRender(args: readonly string[]): Promise<RunResult> {
  return runAny(toolPath('helm'), ['template', ...release, ...args])
}

/** The objects in it. */
export async function renderObjects(args: readonly string[] = []): Promise<readonly Manifest[]> {
  return parseManifests(await renderText(args))
}

/** Objects of a YAML stream; empty documents are left out. @throws the parser's error, which names the line. */
export function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if ('errors' in document && document.errors[0]) throw document.errors[0]
    const object = document.toJS() as Manifest | null
    return object === null ? [] : [object]
  })
}
