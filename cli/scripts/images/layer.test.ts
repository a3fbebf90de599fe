import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { unpackTar } from 'modern-tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeLayer, type EntryOptions } from './layer.ts'
import { RootFolder } from './root-folder.ts'

const entries: EntryOptions = { uid: 0, gid: 0, mtime: new Date(0) }

describe('makeLayer', () => {
  let work = ''
  let cache = ''
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), 'sallyport-layer-'))
    cache = join(work, 'cache')
  })
  afterEach(() => rmSync(work, { recursive: true, force: true }))

  const folder = (name: string, files: readonly string[]): string => {
    const root = new RootFolder(join(work, name))
    for (const file of files) root.file(file, `content of ${file}`, 0o640)
    root.file('/bin/tool', '#!/bin/true\n', 0o4755)
    root.folder('/tmp', 0o1777)
    root.link('/bin/link', 'tool')
    return root.path
  }

  it('gives one digest for the same files, whenever, in whatever order and under whatever umask they were made', async () => {
    const first = folder('first', ['/a/b', '/a-b', '/etc/passwd'])
    const before = process.umask(0o077)
    const second = folder('second', ['/etc/passwd', '/a-b', '/a/b'])
    process.umask(before)
    utimesSync(join(second, 'a-b'), new Date(1_000_000), new Date(2_000_000))
    const [one, two] = [await makeLayer(first, entries, cache), await makeLayer(second, entries, join(work, 'other'))]
    expect(two).toEqual({ ...one, file: two.file })
    expect(two.file).not.toBe(one.file)
    writeFileSync(join(second, 'a-b'), 'another')
    expect((await makeLayer(second, entries, cache)).digest).not.toBe(one.digest)
  })

  it('keeps modes, links and folders, gives all of it the owner and time that are asked for, and sorts it', async () => {
    const mtime = new Date(86_400_000)
    const layer = await makeLayer(folder('root', ['/b/c', '/b-a', '/a']), { uid: 5555, gid: 7, mtime }, cache)
    const tar = await unpackTar(gunzipSync(readFileSync(layer.file)), { strict: true })
    expect(
      tar.map(({ header }) => [header.name, header.type, header.mode?.toString(8), header.linkname ?? '']),
    ).toEqual([
      ['a', 'file', '640', ''],
      ['b/', 'directory', '755', ''],
      ['b/c', 'file', '640', ''],
      ['b-a', 'file', '640', ''],
      ['bin/', 'directory', '755', ''],
      ['bin/link', 'symlink', '777', 'tool'],
      ['bin/tool', 'file', '4755', ''],
      ['tmp/', 'directory', '1777', ''],
    ])
    for (const { header } of tar) {
      expect([header.uid, header.gid, header.uname, header.gname, header.mtime]).toEqual([5555, 7, '', '', mtime])
    }
    const content = tar.find(({ header }) => header.name === 'b/c')?.data
    expect(Buffer.from(content ?? []).toString()).toBe('content of /b/c')
  })

  it('says what is in the file it names', async () => {
    const layer = await makeLayer(folder('root', ['/a']), entries, cache)
    const compressed = readFileSync(layer.file)
    const tar = gunzipSync(compressed)
    const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    expect(layer).toMatchObject({ digest: sha256(compressed), size: compressed.length })
    expect(layer).toMatchObject({ diffId: sha256(tar), unpackedSize: tar.length })
  })

  it('compresses the same files once, and forgets what nobody used for a month', async () => {
    const root = folder('root', ['/a'])
    const { file } = await makeLayer(root, entries, cache)
    const made = statSync(file).ino
    writeFileSync(join(cache, 'old'), '')
    utimesSync(join(cache, 'old'), new Date(0), new Date(0))
    await makeLayer(root, entries, cache)
    expect(statSync(file).ino).toBe(made)
    const next = await makeLayer(folder('next', ['/b']), entries, cache)
    expect(readdirSync(cache).sort()).toEqual([file, next.file].map((path) => path.slice(cache.length + 1)).sort())
  })
})
