/** What a hostile application can try from inside its container. Everything here must fail. */
import { beforeAll, describe, expect, it } from 'vitest'
import { Agent } from './agent.ts'
import { releaseNamespace } from './release.ts'
import { shopHost, shopNamespace, shopSecondPort } from './shop.ts'
import type { Target } from './target.ts'
import { agentDeployment, type Mode } from './team.ts'

interface Addresses {
  readonly pods: readonly string[]
  readonly services: readonly string[]
}

/** What PostgreSQL says to a stranger: it asks for a password, and there is none in the pod. */
const loginPrompt = /^answered R\.{3}/
const ours = /sallyport: /

export function describeBypass(targetOf: () => Target, mode: Mode): void {
  const namespace = `agents-${mode.toLowerCase()}`

  describe(`a hostile agent in ${mode} mode`, () => {
    let target: Target
    let agent: Agent
    let addresses: Addresses

    beforeAll(async () => {
      target = targetOf()
      agent = new Agent(target, namespace, 'deployment/report')
      addresses = {
        pods: await list(target, 'pod -l app=orders-db', '{.items[0].status.podIPs[*].ip}'),
        services: await list(target, 'service orders-db', '{.spec.clusterIPs[*]}'),
      }
    })

    const direct = async (host: string, port: number): Promise<void> => {
      const answer = await agent.dial(host, port)
      expect(`${answer.outcome} ${answer.text}`).toMatch(mode === 'Redirect' ? ours : loginPrompt)
    }

    it('dials the address of the pod', async () => {
      for (const host of addresses.pods) await direct(host, 5432)
    })

    it('dials the address of the Service', async () => {
      for (const host of addresses.services) await direct(host, 5432)
    })

    it('dials over IPv6', async () => {
      const v6 = [...addresses.pods, ...addresses.services].filter((address) => address.includes(':'))
      if (target.isOwn) expect(v6.length).toBeGreaterThanOrEqual(2)
      for (const host of v6) await direct(host, 5432)
    })

    it('dials an IPv4 address written as IPv6', async () => {
      const v4 = [...addresses.pods, ...addresses.services].filter((address) => !address.includes(':'))
      for (const host of v4) await direct(`::ffff:${host}`, 5432)
    })

    it('dials another port of the database', async () => {
      for (const host of addresses.services) {
        const answer = await agent.dial(host, shopSecondPort)
        if (mode === 'Redirect') expect(answer.outcome).toMatch(/ECONNREFUSED|EHOSTUNREACH|EACCES|EPERM|timed-out/)
        else expect(`${answer.outcome} ${answer.text}`).toMatch(loginPrompt)
      }
    })

    it('logs in as a user of its own choice without a password that is right', async () => {
      for (const host of addresses.pods) {
        const [answer] = await agent.queryAt({ host }, 'SELECT 1')
        expect(answer?.error?.atLogin).toBe(true)
      }
    })

    it('becomes the user of the sidecar, or root, through a setuid binary', async () => {
      expect((await agent.sh('stat', '-c', '%a %u', '/bin/suid-busybox')).out).toBe('4755 0')
      expect((await agent.sh('/bin/suid-busybox', 'id', '-u')).out).toBe('1000')
      expect((await agent.sh('stat', '-c', '%a %u', '/suid-5555/busybox')).out).toBe('4755 5555')
      expect((await agent.sh('/suid-5555/busybox', 'id', '-u')).out).toBe('1000')
      for (const uid of [0, 5555]) {
        const escape = `process.setuid(${uid}); process.stdout.write(String(process.getuid()))`
        expect((await agent.sh('node', '-e', escape)).err).toMatch(/EPERM/)
      }
    })

    it('asks the port of the probes for more than they say', async () => {
      for (const path of ['/', '/v1/grants', '/debug', '/config', '/metrics', '/readyz']) {
        const { out } = await agent.sh('wget', '-q', '-O', '-', `http://127.0.0.1:15901${path}`)
        expect(out).not.toMatch(/shop-app-password|PRIVATE KEY|eyJ[\w-]{10,}\./)
      }
      const change = `fetch('http://127.0.0.1:15901/readyz', { method: 'POST', body: '{}' }).then((r) => process.stdout.write(String(r.status)))`
      expect((await agent.sh('node', '-e', change)).out).toMatch(/^4/)
    })

    it('reads the token of the sidecar, its spool, its memory', async () => {
      for (const path of ['/var/run/sallyport/token', '/var/lib/sallyport/spool', '/var/lib/sallyport/probe'])
        expect((await agent.sh('ls', path)).err).toMatch(/No such file/)
      const processes = (await agent.sh('sh', '-c', 'cat /proc/[0-9]*/cmdline')).out
      expect(processes).toContain('sleep')
      expect(processes).not.toContain('sallyport')
    })

    it('speaks to the controller with the token of its own ServiceAccount', async () => {
      const token = '/var/run/secrets/kubernetes.io/serviceaccount/token'
      const { out } = await agent.sh('node', '-e', stream(`require('node:fs').readFileSync('${token}', 'utf8')`))
      expect(out).toMatch(/^401 /)
    })

    it('speaks to the controller with the token of another pod', async () => {
      const other = `other-${mode.toLowerCase()}`
      await target.apply(agentDeployment(target, namespace, other))
      await target.must(['rollout', 'status', `deployment/${other}`, '-n', namespace, '--timeout=120s'])
      const [pod = '', uid = ''] = (await target.get(`pod -l agent=${other}`, namespace, '{.items[0].metadata.name} {.items[0].metadata.uid}')).split(' ') // prettier-ignore
      const stolen = await target.must([
        'create', 'token', 'report-agent', '-n', namespace, '--audience=sallyport.dev',
        '--bound-object-kind=Pod', `--bound-object-name=${pod}`, `--bound-object-uid=${uid}`,
      ]) // prettier-ignore
      const { out } = await agent.sh('node', '-e', stream(JSON.stringify(stolen.trim())))
      expect(out).toMatch(/^403 /)
      expect(out).not.toContain('Snapshot')
    })

    it('connects to the sidecar of another pod', async () => {
      const ips = await target.get(
        `pod -l agent=other-${mode.toLowerCase()}`,
        namespace,
        '{.items[0].status.podIPs[*].ip}',
      )
      for (const ip of ips.split(' '))
        for (const port of [15432, 15910]) expect((await agent.dial(ip, port)).outcome).toBe('ECONNREFUSED')
    })

    it('reaches the database by name as everybody does, and that leads to the sidecar', async () => {
      expect((await agent.dial(shopHost, 5432)).text).toMatch(ours)
      expect((await agent.dial('127.0.0.1', 15432)).text).toMatch(ours)
    })

    it('is given no shell in the sidecar', async () => {
      const pod = await target.get('pod -l agent=report', namespace, '{.items[0].metadata.name}')
      const commands = [
        ['exec', '-n', namespace, pod, '-c', 'sallyport', '--', 'node', '-e', '1'],
        ['attach', '-n', namespace, pod, '-c', 'sallyport'],
      ]
      for (const command of commands) {
        const { code, stderr } = await target.kubectl(command)
        expect(code).not.toBe(0)
        expect(stderr).toMatch(/sidecar-entered|ValidatingAdmissionPolicy/)
      }
      const debug = await target.kubectl(['debug', pod, '-n', namespace, `--image=${target.images.app}`, '--target=sallyport', '--', 'sh']) // prettier-ignore
      expect(debug.code).not.toBe(0)
    })
  })
}

/** Source of a script that asks the controller for the stream, with a token an expression gives. */
function stream(token: string): string {
  const url = `https://sallyport-controller.${releaseNamespace}.svc:8443/v1/stream`
  return `
    const request = require('node:https').request('${url}', { rejectUnauthorized: false, headers: { authorization: 'Bearer ' + ${token} } }, (response) => {
      let text = String(response.statusCode) + ' '
      response.on('data', (chunk) => {
        text += chunk
        if (response.statusCode === 200) { process.stdout.write(text); process.exit(0) }
      })
      response.on('end', () => process.stdout.write(text))
    })
    request.end()`
}

async function list(target: Target, what: string, path: string): Promise<readonly string[]> {
  return (await target.get(what, shopNamespace, path)).split(' ').filter((each) => each !== '')
}
