/** What can be done to the processes of a node that this machine is. */
import { readdirSync, readFileSync } from 'node:fs'

/** Kills -9 the process of a pod whose command line has a word in it. @throws when there is none. */
export function killContainer(podUid: string, word: string): Promise<void> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && belongs(name, podUid, word))
  if (pids.length === 0) throw new Error(`no process of pod ${podUid} is a ${word}`)
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL')
  return Promise.resolve()
}

function belongs(pid: string, podUid: string, word: string): boolean {
  try {
    const isOfPod = readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(podUid)
    return (
      isOfPod &&
      readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        .split('\0')
        .some((each) => each.includes(word))
    )
  } catch {
    // It has ended since the folder was read.
    return false
  }
}
