import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Processes that this one started and has not ended; none of them outlives it. */
const running = new Set<ChildProcess>()
let watching = false

export interface Started {
  readonly child: ChildProcess
  /** Everything it printed, both streams. */
  log(): string
  /** TERM, then KILL after the grace; resolves when it is gone. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<void>
}

export class RigError extends Error {
  override readonly name = 'RigError'
}

/** Starts a process in a group of its own and keeps what it prints. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): Started {
  watchExit()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options })
  running.add(child)
  let text = ''
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-200_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  child.on('error', (cause) => {
    text += `\n${cause.message}`
  })
  child.on('exit', () => running.delete(child))
  return { child, log: () => text, stop: (signal, graceMs) => stop(child, signal, graceMs) }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM', graceMs = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = once(child, 'exit')
  killGroup(child, signal)
  const timer = setTimeout(() => killGroup(child, 'SIGKILL'), graceMs)
  await gone
  clearTimeout(timer)
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // Gone already.
  }
}

function watchExit(): void {
  if (watching) return
  watching = true
  process.on('exit', () => {
    for (const child of running) killGroup(child, 'SIGKILL')
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(130)
    })
}

/** Resolves when `check` holds. @throws RigError with what `describe` says when it does not in time, or the process ended. */
export async function until(
  check: () => Promise<boolean> | boolean,
  what: string,
  { timeoutMs = 30_000, process: watched }: { readonly timeoutMs?: number; readonly process?: Started } = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    if (await check()) return
    if (watched && (watched.child.exitCode !== null || watched.child.signalCode !== null))
      throw new RigError(`${what}: the process ended: ${watched.log().slice(-2000)}`)
    if (performance.now() > deadline)
      throw new RigError(`${what}: not within ${timeoutMs} ms${watched ? `: ${watched.log().slice(-2000)}` : ''}`)
    await delay(20)
  }
}

export async function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect({ port, host })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Runs a command to its end. @throws RigError with what it printed unless it exits 0. */
export async function run(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { readonly input?: string } = {},
): Promise<string> {
  const result = await runAny(command, args, options)
  if (result.code !== 0)
    throw new RigError(`${command} ${args.join(' ')} exited ${result.code}: ${result.stderr || result.stdout}`)
  return result.stdout
}

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end, whatever its exit code. */
export async function runAny(
  command: string,
  args: readonly string[],
  { input, ...options }: SpawnOptions & { readonly input?: string } = {},
): Promise<RunResult> {
  const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? -1, stdout, stderr }
}
