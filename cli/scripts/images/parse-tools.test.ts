import { describe, expect, it } from 'vitest'
import { parseOwners } from './debian-packages.ts'
import { parseGoVersion } from './go-modules.ts'
import { parseLdd } from './shared-libraries.ts'

describe('parseLdd', () => {
  it('finds the libraries and the loader', () => {
    const listed = `\tlinux-vdso.so.1 (0x00007efc676c9000)
\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007efc67400000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007efc6713e000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007efc676cb000)
`
    expect(parseLdd(listed, 'node')).toEqual([
      '/lib/x86_64-linux-gnu/libc.so.6',
      '/lib/x86_64-linux-gnu/libstdc++.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ])
  })

  it('finds nothing in a static program, and refuses one that could not start', () => {
    expect(parseLdd('\tstatically linked\n', 'busybox')).toEqual([])
    expect(() => parseLdd('\tlibnone.so.1 => not found\n', 'x')).toThrow('x needs libnone.so.1')
  })
})

describe('parseOwners', () => {
  it('knows one package for each path, and no diversion', () => {
    const listed = `libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6
diversion by dash from: /bin/sh
bash, busybox-static: /usr/share/doc
busybox-static: /usr/bin/busybox
`
    expect([...parseOwners(listed)]).toEqual([
      ['/lib/x86_64-linux-gnu/libc.so.6', 'libc6:amd64'],
      ['/usr/share/doc', 'bash'],
      ['/usr/bin/busybox', 'busybox-static'],
    ])
  })
})

describe('parseGoVersion', () => {
  it('finds the modules, the replacement of one that is replaced, and the standard library', () => {
    const listed = `/x/opa: go1.26.8
\tpath\tgithub.com/open-policy-agent/opa
\tmod\tsallyport.dev/redirect\t(devel)\t
\tdep\tgolang.org/x/net\tv0.47.0\th1:Mx+=
\tdep\tk8s.io/api\tv0.0.0
\t=>\tk8s.io/api\tv0.34.4\th1:Z=
\tbuild\t-trimpath=true
`
    expect(parseGoVersion(listed)).toEqual([
      { kind: 'go', name: 'stdlib', version: '1.26.8' },
      { kind: 'go', name: 'golang.org/x/net', version: 'v0.47.0' },
      { kind: 'go', name: 'k8s.io/api', version: 'v0.34.4' },
    ])
  })
})
