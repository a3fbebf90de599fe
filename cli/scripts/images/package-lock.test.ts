import type { Metafile } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { bundledPackages, packageClosure, type PackageLock } from './package-lock.ts'

const lock: PackageLock = {
  '': {},
  'cli/node_modules/commander': { version: '15.1.0', license: 'MIT' },
  'node_modules/commander': { version: '2.0.0', license: 'MIT' },
  'node_modules/@scope/a': { version: '1.0.0', license: 'ISC', dependencies: { b: '^1.0.0', c: '*' } },
  'node_modules/@scope/a/node_modules/b': { version: '1.5.0', dependencies: { c: '*' } },
  'node_modules/b': { version: '2.0.0' },
  'node_modules/c': { name: 'really-c', version: '3.0.0', license: 'MIT', dependencies: { '@scope/a': '*' } },
}

describe('bundledPackages', () => {
  const metafile = (inputs: Readonly<Record<string, number>>): Metafile => ({
    inputs: {},
    outputs: {
      'x.js': {
        bytes: 0,
        imports: [],
        exports: [],
        inputs: Object.fromEntries(Object.entries(inputs).map(([path, bytesInOutput]) => [path, { bytesInOutput }])),
      },
    },
  })

  it('finds the packages of which something is left, in the folder they come from', () => {
    const bundled = bundledPackages(
      metafile({
        'sidecar/src/main.ts': 10,
        'cli/node_modules/commander/index.js': 5,
        'cli/node_modules/commander/lib/command.js': 5,
        'node_modules/@scope/a/node_modules/b/b.js': 1,
        'node_modules/c/c.js': 1,
        'node_modules/@scope/a/a.js': 0,
      }),
      lock,
    )
    expect(bundled).toEqual([
      { kind: 'npm', name: 'commander', version: '15.1.0', license: 'MIT' },
      { kind: 'npm', name: 'b', version: '1.5.0', license: null },
      { kind: 'npm', name: 'really-c', version: '3.0.0', license: 'MIT' },
    ])
  })

  it('refuses a package that the lock does not know', () => {
    expect(() => bundledPackages(metafile({ 'node_modules/stray/x.js': 1 }), lock)).toThrow(
      'package-lock.json does not know node_modules/stray',
    )
  })
})

describe('packageClosure', () => {
  it('finds what a package depends on as Node.js would, once each', () => {
    expect(packageClosure('@scope/a', lock)).toEqual([
      'node_modules/@scope/a',
      'node_modules/@scope/a/node_modules/b',
      'node_modules/c',
    ])
    expect(packageClosure('b', lock)).toEqual(['node_modules/b'])
  })

  it('refuses a package that is not there', () => {
    expect(() => packageClosure('nowhere', lock)).toThrow('package-lock.json does not know nowhere')
  })
})
