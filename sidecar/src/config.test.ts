import { describe, expect, it } from 'vitest'
import { ConfigError, parseSidecarConfig, type ClusterConfig } from './config.ts'

const flags = ['--controller-url=https://c:8443', '--controller-ca=PEM', '--token-file=/t', '--spool-dir=/s']
const env = { POD_NAMESPACE: 'agents', POD_NAME: 'agent', POD_UID: 'uid' }

function cluster(...more: readonly string[]): ClusterConfig {
  const config = parseSidecarConfig([...flags, ...more], env)
  if (config.kind !== 'Cluster') throw new TypeError('not a cluster')
  return config
}

function problems(...argv: readonly string[]): readonly string[] {
  try {
    parseSidecarConfig(argv, env)
  } catch (cause) {
    if (cause instanceof ConfigError) return cause.problems
    throw cause
  }
  return []
}

describe('the flags of a sidecar', () => {
  it('are Local and 28 s by default', () => {
    expect(cluster()).toMatchObject({ interception: { kind: 'Local' }, drainMs: 28_000 })
    expect(cluster('--interception=Local', '--drain-seconds=0')).toMatchObject({ drainMs: 0 })
  })

  it('give every Database a port in Redirect', () => {
    const { interception } = cluster(
      '--interception=Redirect',
      '--probe-dir=/p',
      '--redirect=agents/a=15910',
      '--redirect=data/b.c=15911',
    )
    const ports = new Map([['agents/a', 15910], ['data/b.c', 15911]]) // prettier-ignore
    expect(interception).toEqual({ kind: 'Redirect', probeDir: '/p', ports })
  })

  it.each<[string, readonly string[], RegExp]>([
    ['a mode nobody knows', ['--interception=redirect', '--probe-dir=/p'], /--interception must be Local or Redirect/],
    ['no folder of the probe', ['--interception=Redirect'], /needs --probe-dir/],
    ['a port in Local', ['--redirect=agents/a=15910'], /--redirect needs/],
    ['a folder of the probe in Local', ['--probe-dir=/p'], /--probe-dir needs/],
    ['a Database without a namespace', redirect('a=15910'), /expected NAMESPACE\/NAME=PORT/],
    ['a port that is a word', redirect('agents/a=http'), /expected NAMESPACE\/NAME=PORT/],
    ['port 0', redirect('agents/a=0'), /1 to 65535/],
    ['port 65536', redirect('agents/a=65536'), /1 to 65535/],
    ['a Database twice', redirect('agents/a=15910', 'agents/a=15911'), /has a port already/],
    ['a port twice', redirect('agents/a=15910', 'agents/b=15910'), /another Database's/],
    ['the port of the probes', redirect('agents/a=15901'), /--health-port/],
    ['a drain of a word', ['--drain-seconds=long'], /whole number of seconds/],
    ['a negative drain', ['--drain-seconds=-1'], /whole number of seconds/],
    ['a drain no timer can do', ['--drain-seconds=2147484'], /at most 2147483/],
    ['an address that is no port', ['--listen=agents/a=127.0.0.2:65536'], /--listen/],
  ])('are refused with %s', (_what, more, expected) => {
    expect(problems(...flags, '--health-port=15901', ...more).join()).toMatch(expected)
  })

  it('name a certificate for applications by two files, or none', () => {
    const files = ['--client-tls-cert-file=/no/cert', '--client-tls-key-file=/no/key'] as const
    expect(cluster().clientTls).toBeNull()
    expect(problems(...flags, files[0])).toEqual([expect.stringContaining('go together')])
    expect(problems(...flags, files[1])).toEqual([expect.stringContaining('go together')])
    expect(problems(...flags, ...files)).toEqual(['/no/cert cannot be read'])
  })

  it('are refused with everything that is wrong at once', () => {
    const found = problems('--interception=Redirect', '--redirect=a', '--redirect=agents/a=0', '--drain-seconds=x')
    expect(found).toHaveLength(8)
  })

  it('of a pod have no meaning in standalone mode', () => {
    const found = problems('--standalone=.', '--subject=a/b', ...redirect('agents/a=15910'), '--drain-seconds=1')
    expect(found).toHaveLength(4)
  })
})

function redirect(...entries: readonly string[]): readonly string[] {
  return ['--interception=Redirect', '--probe-dir=/p', ...entries.map((entry) => `--redirect=${entry}`)]
}
