import { describe, expect, it } from 'vitest'
import { parseConfig } from './config.ts'

function configOf(...args: string[]): Extract<ReturnType<typeof parseConfig>, { ok: true }>['config'] {
  const parsed = parseConfig(args, {})
  if (!parsed.ok) throw new TypeError(parsed.problems.join('; '))
  return parsed.config
}

describe('parseConfig', () => {
  it('names everything after --name', () => {
    expect(configOf('--name=gate')).toMatchObject({
      role: 'all',
      serviceName: 'gate-controller',
      webhookServiceName: 'gate-webhook',
      certificateSource: 'own',
      tlsSecret: 'gate-tls',
      acknowledge: 'journal',
      sidecarImage: 'ghcr.io/sallyport-dev/sallyport-sidecar:0.1.0',
      redirectImage: 'ghcr.io/sallyport-dev/sallyport-redirect:0.1.0',
    })
  })

  it('takes every flag of a role', () => {
    const flags = [
      '--role=webhook',
      '--webhook-service-name=hook',
      '--certificate-source=cert-manager',
      '--tls-secret=certs.example',
      '--acknowledge=segment',
      '--redirect-image=registry.example:5000/redirect@sha256:00',
    ]
    expect(configOf(...flags)).toMatchObject({
      role: 'webhook',
      webhookServiceName: 'hook',
      certificateSource: 'cert-manager',
      tlsSecret: 'certs.example',
      acknowledge: 'segment',
      redirectImage: 'registry.example:5000/redirect@sha256:00',
    })
  })

  it('lets a webhook answer longer after it is told to end, unless it is told how long', () => {
    expect(configOf('--role=webhook').drainSeconds).toBe(12)
    expect(configOf('--role=controller').drainSeconds).toBe(5)
    expect(configOf('--role=webhook', '--drain-seconds=0').drainSeconds).toBe(0)
  })

  it('tells every problem at once', () => {
    const flags = ['--role=both', '--webhook-service-name=Hook', '--certificate-source=vault', '--tls-secret=a..b']
    const parsed = parseConfig([...flags, '--acknowledge=never', '--redirect-image=an image', '--sidecar-image= '], {})
    expect(parsed).toEqual({
      ok: false,
      problems: [
        '--role: "both" is none of all, webhook, controller',
        '--webhook-service-name: "Hook" is no DNS label',
        '--certificate-source: "vault" is none of own, cert-manager, secret',
        '--tls-secret: "a..b" is no name of an object',
        '--acknowledge: "never" is none of journal, segment',
        '--sidecar-image: " " is no name of an image',
        '--redirect-image: "an image" is no name of an image',
      ],
    })
  })

  it('reads a flag from the environment, and prefers the command line', () => {
    const env = { SALLYPORT_ROLE: 'controller', SALLYPORT_ACKNOWLEDGE: 'segment' }
    const parsed = parseConfig(['--role=webhook'], env)
    expect(parsed).toMatchObject({ ok: true, config: { role: 'webhook', acknowledge: 'segment' } })
  })
})
