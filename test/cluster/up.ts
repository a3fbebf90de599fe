/** `make cluster-up`: brings the cluster up, leaves it running, and prints where its kubeconfig is. */
import { attachCluster, startCluster } from './cluster.ts'
import { clusterFolder } from './config.ts'
import { ClusterError } from './errors.ts'
import { clusterState } from './state.ts'

const startedMs = performance.now()
const say = (text: string): void => void process.stderr.write(`${text}\n`)
try {
  const isUp = clusterState(clusterFolder()).kind === 'up'
  const cluster = isUp ? attachCluster() : await startCluster(say)
  say(isUp ? 'the cluster is up already' : `the cluster is up, after ${secondsSince(startedMs)} s`)
  process.stdout.write(`export KUBECONFIG=${cluster.kubeconfig}\n`)
} catch (error) {
  if (!(error instanceof ClusterError)) throw error
  say(error.message)
  process.exitCode = 1
}

function secondsSince(ms: number): string {
  return ((performance.now() - ms) / 1000).toFixed(1)
}
