/** What can be done to the processes of a node that this machine is. */
import { readdirSync, readFileSync } from 'node:fs'

/** Kills -9 the sidecar of a pod; it knows the pod's UID by its environment. @throws when there is none. */
export function killSidecar(podUid: string): void {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isSidecar(name, podUid))
  if (pids.length === 0) throw new Error(`no sidecar of pod ${podUid} runs`)
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL')
}

function isSidecar(pid: string, podUid: string): boolean {
  try {
    const fields = (file: string): readonly string[] => readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0')
    return (
      fields('environ').includes(`POD_UID=${podUid}`) &&
      fields('cmdline').some((each) => each.endsWith('/sallyport-sidecar'))
    )
  } catch {
    // It has ended since the folder was read.
    return false
  }
}
