import { runCli } from './run-cli.ts'

const stop = new AbortController()
const atOnce = new AbortController()
process.once('SIGTERM', () => {
  stop.abort()
  process.once('SIGTERM', () => atOnce.abort())
})
process.once('SIGINT', () => {
  stop.abort()
  atOnce.abort()
})
// `sallyport audit tail | head`: the reader has seen enough.
process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  if (cause.code === 'EPIPE') process.exit(0)
})

const { stdin, stdout, stderr } = process
process.exitCode = await runCli(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  signal: stop.signal,
  atOnce: atOnce.signal,
})
