/** `make cluster-down`: takes down whatever there is of the cluster, and looks whether anything is left. */
import { clusterFolder } from './config.ts'
import { layoutOf } from './layout.ts'
import { clusterState } from './state.ts'
import { tearDown } from './teardown.ts'

const startedMs = performance.now()
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const state = clusterState(clusterFolder())
if (process.getuid?.() !== 0) {
  say('only root can take a cluster down (try: sudo make cluster-down)')
  process.exitCode = 1
} else if (state.kind === 'starting') {
  say(`process ${state.pid} is starting the cluster: end it first`)
  process.exitCode = 1
} else {
  // Where no cluster is, there may still be a remainder of one.
  const left = await tearDown(state.kind === 'down' ? layoutOf(clusterFolder()) : state.layout)
  for (const line of left) say(`left: ${line}`)
  if (left.length > 0) process.exitCode = 1
  else say(`${state.kind === 'down' ? 'no cluster was up' : `down after ${seconds()} s`}, and nothing is left`)
}

function seconds(): string {
  return ((performance.now() - startedMs) / 1000).toFixed(1)
}
