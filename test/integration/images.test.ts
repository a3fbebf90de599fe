/** `make images`, run twice into different folders, compressing anew: the same bytes, and nothing in them that is not needed. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../rig/process.ts'

const root = join(import.meta.dirname, '../..')
const work = mkdtempSync(join(tmpdir(), 'sallyport-images-'))
const [one, two] = [join(work, 'one'), join(work, 'two')]

interface Manifest {
  readonly layers: readonly { readonly digest: string; readonly size: number }[]
}

describe('the images of a release', () => {
  beforeAll(async () => {
    for (const out of [one, two]) {
      const args = [join(root, 'cli/scripts/images/build-images.ts'), `--out=${out}`, `--cache=${out}/layers`]
      // The controller's differs from the sidecar's in its bundle and in opa, which is built once per machine.
      await run(process.execPath, [...args, 'sidecar', 'redirect'], { env: { ...process.env, SOURCE_DATE_EPOCH: '0' } })
    }
  })
  afterAll(() => rmSync(work, { recursive: true, force: true }))

  it.each(['sidecar', 'redirect'])('%s is the same when it is built again elsewhere', (name) => {
    for (const file of [`${name}.tar`, `${name}.sbom.json`]) {
      expect(digest(join(two, file)), file).toBe(digest(join(one, file)))
    }
  })

  it('the sidecar has what it runs on, and neither a shell, nor a set-uid program, nor what is the controller’s', () => {
    const files = listing(join(one, 'sidecar'))
    const inside = files.map(({ path }) => path.replace(/^(node|rootfs)\//, '/'))
    expect(inside).toEqual(
      expect.arrayContaining([
        '/usr/bin/node',
        '/usr/bin/sallyport-sidecar',
        '/opt/sallyport/sallyport-sidecar.js',
        '/opt/sallyport/libpg-query.wasm',
        '/opt/sallyport/parse-worker.js',
        '/opt/sallyport/policy/guardrails.wasm',
        '/etc/passwd',
      ]),
    )
    expect(
      inside.filter((path) => /\/(sh|bash|busybox|opa|sallyport|sallyport-controller)$|\.map$/.test(path)),
    ).toEqual([])
    expect(files.filter(({ mode }) => (mode & 0o6022) !== 0)).toEqual([])
    const code = readFileSync(join(one, 'sidecar/rootfs/opt/sallyport/sallyport-sidecar.js'), 'utf8')
    expect(code).not.toMatch(/kubernetes-client|fastify/)
    const bill = readFileSync(join(one, 'sidecar.sbom.json'), 'utf8')
    for (const purl of ['pkg:generic/node@', 'pkg:npm/libpg-query@', 'pkg:deb/']) expect(bill).toContain(purl)
    expect(bill).not.toContain('client-node')
  })

  it('redirect is one program, its user, and names by DNS alone', () => {
    const files = listing(join(one, 'redirect/rootfs')).map(({ path }) => path)
    expect(files).toEqual(['etc/group', 'etc/nsswitch.conf', 'etc/passwd', 'usr/bin/sallyport-redirect'])
    expect(readFileSync(join(one, 'redirect/rootfs/etc/nsswitch.conf'), 'utf8')).toBe('hosts: dns\n')
    expect(readFileSync(join(one, 'redirect.sbom.json'), 'utf8')).toContain('pkg:golang/stdlib@')
  })

  it.each([
    { name: 'sidecar', limit: 80e6 },
    { name: 'redirect', limit: 5e6 },
  ])('$name is small enough to be pulled to every node', async ({ name, limit }) => {
    const read = (path: string): Promise<string> => run('tar', ['-xOf', join(one, `${name}.tar`), path])
    const index = JSON.parse(await read('index.json')) as { readonly manifests: readonly { readonly digest: string }[] }
    const manifest = JSON.parse(await read(`blobs/${index.manifests[0]!.digest.replace(':', '/')}`)) as Manifest
    const size = manifest.layers.reduce((sum, layer) => sum + layer.size, 0)
    expect(size).toBeGreaterThan(1e6)
    expect(size).toBeLessThan(limit)
  })
})

function digest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/** Files by their paths, sorted. */
function listing(folder: string, inside = ''): readonly { readonly path: string; readonly mode: number }[] {
  return readdirSync(join(folder, inside), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(inside, entry.name)
      return entry.isDirectory() ? listing(folder, path) : [{ path, mode: lstatSync(join(folder, path)).mode }]
    })
}
