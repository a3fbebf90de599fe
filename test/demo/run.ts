/**
 * The whole path on real parts: etcd, kube-apiserver, PostgreSQL, the chart, the controller, the sidecar. Prints each
 * command and what came back; exit 1 at the first thing that is not as it must be. `KEEP=1` leaves it running.
 */
import { once } from 'node:events'
import { startControlPlane } from '../rig/control-plane.ts'
import { freePort } from '../rig/free-port.ts'
import { buildCommands, install } from '../rig/installation.ts'
import { openShop } from './shop.ts'
import { DemoError, Stage } from './stage.ts'
import { walk } from './walk.ts'

const stage = new Stage()
const closing: (() => Promise<void>)[] = []
const stop = new AbortController()
const walked = { done: false }
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

try {
  await Promise.race([demo(), once(stop.signal, 'abort')])
} catch (cause) {
  process.exitCode = 1
  const text = cause instanceof DemoError ? cause.message : cause instanceof Error ? cause.stack : String(cause)
  stage.print(`\nFAILED: ${text ?? ''}`)
}
if (stop.signal.aborted) process.exitCode = process.env.KEEP === '1' && walked.done ? 0 : 130
for (const close of closing.reverse()) await close()
process.exit()

async function demo(): Promise<void> {
  stage.step('etcd, kube-apiserver and PostgreSQL on free ports')
  buildCommands()
  const localPort = await freePort()
  const [plane, shop] = await Promise.all([startControlPlane(), openShop(localPort)])
  closing.push(
    () => plane.stop(),
    () => shop.postgres.stop(),
  )
  stage.say(`API server ${plane.url}, PostgreSQL on port ${shop.postgres.port}`)
  stage.step('helm install sallyport charts/sallyport')
  const installation = await install(plane)
  closing.push(() => installation.stop())
  const pods = await plane.kubectl(['get', 'deployment,serviceaccount,service', '-n', installation.namespace])
  stage.print(pods.stdout.trimEnd())
  stage.say(
    "controller and webhook run with their Deployments' own commands and their ServiceAccounts' tokens; nothing is cluster-admin",
  )
  const { connect } = await walk({ stage, plane, shop, installation, localPort, closing })
  walked.done = true
  stage.print('\nEverything was as it must be.')
  if (process.env.KEEP !== '1') return
  stage.print(`\nStill running; Ctrl-C ends it.\n  export KUBECONFIG=${plane.kubeconfig}\n  ${connect}`)
  await once(stop.signal, 'abort')
}
