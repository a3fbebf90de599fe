import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlPlane } from '../rig/control-plane.ts'
import type { Installation } from '../rig/installation.ts'
import type { RunResult } from '../rig/process.ts'
import { toolPath } from '../rig/tool-paths.ts'
import { auditSteps } from './audit-steps.ts'
import { endSteps } from './end-steps.ts'
import type { Shop } from './shop.ts'
import type { Stage } from './stage.ts'
import { statementSteps } from './statement-steps.ts'

export interface Scene {
  readonly stage: Stage
  readonly plane: ControlPlane
  readonly shop: Shop
  readonly installation: Installation
  /** Where the sidecar listens on loopback. */
  readonly localPort: number
  readonly closing: (() => Promise<void>)[]
}

/** What every step has at hand. */
export interface Tools extends Scene {
  readonly kubectl: (line: string, input?: string) => Promise<RunResult>
  /** As {@link kubectl}; it must succeed. */
  readonly mustKubectl: (line: string, input?: string) => Promise<string>
  /** Applies a manifest of examples/shop. */
  readonly apply: (file: string, change?: (text: string) => string) => Promise<void>
  /** What the agent does: psql against the sidecar. */
  readonly psql: (sql: string, application?: string) => Promise<RunResult>
}

/** Everything after the installation. @returns how to connect by hand. */
export async function walk(scene: Scene): Promise<{ readonly connect: string }> {
  const tools = toolsFor(scene)
  await prepare(tools)
  await pod(tools)
  await statementSteps(tools)
  await endSteps(tools)
  await auditSteps(tools)
  // Whoever looks around afterwards has something to look at.
  if (process.env.KEEP === '1') await tools.apply('grant.yaml')
  return { connect: `psql '${connection(scene.localPort)}'` }
}

export function connection(localPort: number): string {
  return `host=127.0.0.1 port=${localPort} dbname=shop user=agent sslmode=disable`
}

function toolsFor(scene: Scene): Tools {
  const { stage, plane, shop, localPort } = scene
  const env = { ...process.env, KUBECONFIG: plane.kubeconfig, HOME: plane.dir }
  const kubectl = (line: string, input?: string): Promise<RunResult> =>
    stage.run(`kubectl ${line}`, toolPath('kubectl'), words(line), { env, ...(input === undefined ? {} : { input }) })
  const mustKubectl = async (line: string, input?: string): Promise<string> => {
    const result = await kubectl(line, input)
    stage.must(result.code === 0, `kubectl ${line} exited ${result.code}`)
    return result.stdout
  }
  return {
    ...scene,
    kubectl,
    mustKubectl,
    apply: async (file, change = (text) => text) => {
      const text = change(shop.manifest(file))
      const { code } = await stage.run(`kubectl apply -f examples/shop/${file}`, toolPath('kubectl'), ['apply', '-f', '-'], { env, input: text }) // prettier-ignore
      stage.must(code === 0, `${file} is applied`)
    },
    psql: (sql) => {
      const args = ['-X', '-v', 'VERBOSITY=default', connection(localPort), '-c', sql]
      return stage.run(`psql -p ${localPort} shop -c "${sql}"`, 'psql', args, { env: { ...process.env, PGCONNECT_TIMEOUT: '10' } }) // prettier-ignore
    },
  }
}

function words(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

async function prepare({ stage, shop, plane, apply, mustKubectl, kubectl }: Tools): Promise<void> {
  stage.step("the data owner's Database, the team's policy")
  await mustKubectl('create namespace agents')
  await mustKubectl('label namespace agents sallyport.dev/inject=enabled')
  await mustKubectl('create serviceaccount report-agent -n agents')
  const caFile = join(plane.dir, 'orders-ca.pem')
  writeFileSync(caFile, shop.ca)
  await mustKubectl(`create secret generic orders-ca -n agents --from-file=ca.crt=${caFile}`)
  await apply('database.yaml')
  await apply('policy.yaml')
  await mustKubectl(
    'wait -n agents --for=condition=Ready database/orders accesspolicy/no-comparison-of-cities --timeout=60s',
  )
  stage.say('a wrong field is refused, with its path and what to do:')
  const bad = shop.manifest('grant.yaml').replace('duration: 30m', 'duration: 30 minutes')
  const refused = await kubectl('apply -f -', bad)
  stage.must(refused.code !== 0 && refused.stderr.includes('spec.duration'), 'a bad duration is refused by name')
  const tooLong = await kubectl('apply -f -', shop.manifest('grant.yaml').replace('duration: 30m', 'duration: 9h'))
  stage.must(tooLong.stderr.includes('at most 8h'), 'a grant longer than the Database allows is refused')
}

async function pod({ stage, plane, installation, localPort, apply, mustKubectl, closing, psql }: Tools): Promise<void> {
  stage.step("the agent's pod, and what the webhook puts in")
  await apply('pod.yaml')
  const columns = `custom-columns='NAME:.metadata.name,INIT:.spec.initContainers[*].name,RESTART:.spec.initContainers[*].restartPolicy,UID:.spec.initContainers[*].securityContext.runAsUser,VOLUMES:.spec.volumes[*].name'` // prettier-ignore
  const injected = await mustKubectl(`get pod report -n agents -o ${columns.replaceAll("'", '')}`)
  stage.must(injected.includes('sallyport') && injected.includes('Always'), 'a native sidecar is injected')
  stage.say('there is no kubelet here, so this demo starts the injected command with a token bound to the pod:')
  const sidecar = await installation.startSidecar('agents', 'report')
  closing.push(() => sidecar.process.stop())
  stage.say(sidecar.command.join(' ').replaceAll(plane.dir, '…'))
  stage.say(`the sidecar listens on 127.0.0.1:${localPort}`)
  stage.step('before any grant')
  const result = await psql('SELECT count(*) FROM customers')
  stage.must(result.code !== 0 && result.stderr.includes('no-active-grant'), 'nothing is reached without a grant')
}
