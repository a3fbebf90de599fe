import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { CliError, exitCodes, type ExitCode } from './cli-error.ts'
import type { CheckFlags } from './commands/check.ts'
import type { DoctorFlags } from './commands/doctor.ts'
import type { HookTestFlags, PreDeleteFlags } from './commands/hook.ts'
import type { InjectFlags } from './commands/inject.ts'
import type { Io } from './io.ts'

/**
 * Runs one command line. A command's code is loaded when it is called, so that help is quick and a sidecar never loads
 * what only a controller needs.
 * @returns the exit code; see {@link exitCodes}.
 */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const outcome: { code: number } = { code: exitCodes.ok }
  const program = buildProgram(argv, io, (code) => (outcome.code = code))
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (cause) {
    return report(cause, io)
  }
  return outcome.code
}

function buildProgram(argv: readonly string[], io: Io, done: (code: ExitCode) => void): Command {
  const program = new Command('sallyport')
    .description('Zero standing privilege for AI agents on databases in Kubernetes')
    .version(manifest.version, '-V, --version')
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', '\nExit codes: 0 all is well, 1 something is refused, broken or failed, 2 unusable input.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'sallyport: bad-usage: ')),
    })
  const rest = argv.slice(1)
  addProcesses(program, rest, io, done)
  addController(program, rest, io, done)
  addInject(program, io, done)
  addCheck(program, io, done)
  addAudit(program, io, done)
  addDoctor(program, io, done)
  addHook(program, io, done)
  program
    .command('version')
    .description('print the version')
    .action(() => {
      io.stdout.write(`sallyport ${manifest.version} (node ${process.versions.node})\n`)
    })
  return program
}

type Done = (code: ExitCode) => void

function addProcesses(program: Command, argv: readonly string[], io: Io, done: Done): void {
  program
    .command('sidecar')
    .description('stand between an agent and its databases')
    .option('--standalone <dir>', 'no cluster: read the manifests of a folder and watch it')
    .option('--subject <ns/sa>', 'whose grants count (standalone)')
    .option('--audit <file>', 'append audit records to this file (standalone; default sallyport-audit.jsonl)')
    .option('--opa-bin <path>', 'the opa that compiles policies (standalone; default SALLYPORT_OPA, then PATH)')
    .option('--controller-url <url>', 'where the controller serves sidecars')
    .option('--controller-ca <pem>', 'authorities the controller is trusted by')
    .option('--token-file <path>', "the pod's projected token")
    .option('--spool-dir <dir>', 'where audit records wait for the collector')
    .option('--spool-max-bytes <n>', 'size of the spool')
    .option('--listen <ns/name=address:port>', 'one more address of a Database; may be repeated', collect)
    .option('--interception <mode>', 'how connections come here: Local or Redirect')
    .option(
      '--redirect <ns/name=port>',
      'where the rules of the pod send those to a Database; may be repeated',
      collect,
    )
    .option('--probe-dir <dir>', 'shared with what tries the way around (Redirect)')
    .option('--drain-seconds <n>', 'serve open connections so long after SIGTERM (default 28; not standalone)')
    .option('--health-port <port>', 'serve /healthz, /readyz and /metrics here')
    .option('--client-tls-cert-file <pem>', 'the certificate shown to applications that ask for TLS')
    .option('--client-tls-key-file <pem>', 'its key')
    .option('--log-level <level>', 'trace, debug, info, warn or error')
    .option('--guardrails <file>', 'another build of the built-in guardrails')
    .option('--use-hosts-file', 'resolve database hosts by the hosts file, too')
    .action(async () => {
      const { runSidecarCommand } = await import('./commands/sidecar.ts')
      done(await runSidecarCommand(argv, io))
    })
}

function addController(program: Command, argv: readonly string[], io: Io, done: Done): void {
  program
    .command('controller')
    .description('administer grants, and put sidecars into pods; flags as of sallyport-controller')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async () => {
      const { runControllerCommand } = await import('./commands/controller.ts')
      done(await runControllerCommand(argv, io))
    })
}

function addInject(program: Command, io: Io, done: Done): void {
  program
    .command('inject')
    .description('print what the webhook would make of pods and workloads, for review')
    .requiredOption('-f, --filename <file>', 'manifests; - is stdin')
    .option('--databases <dir>', 'folder with the Databases the pods may reach')
    .option('-n, --namespace <ns>', 'of manifests that name none', 'default')
    .addOption(new Option('--interception <mode>', 'as the namespace says it').choices(['Local', 'Redirect']))
    .option('--image <image>', 'image of the sidecar', `ghcr.io/sallyport-dev/sallyport-sidecar:${manifest.version}`)
    .option(
      '--redirect-image <image>',
      'image of what writes the rules of Redirect',
      `ghcr.io/sallyport-dev/sallyport-redirect:${manifest.version}`,
    )
    .option('--controller-url <url>', 'where sidecars dial', 'https://sallyport-controller.sallyport-system.svc:8443')
    .option('--ca-file <pem>', 'authorities the controller is trusted by')
    .action(async (options: InjectFlags) => {
      const { runInject } = await import('./commands/inject.ts')
      done(await runInject(options, io))
    })
}

function addCheck(program: Command, io: Io, done: Done): void {
  program
    .command('check')
    .description('judge statements against the manifests of a folder, without running them; exit 1 if one is denied')
    .requiredOption('-f, --filename <dir>', 'the folder')
    .option('--grant <ns/name>', 'the AccessGrant that is meant')
    .option('--subject <ns/sa>', 'whose grants are meant')
    .option('--database <ns/name>', 'the Database that is meant')
    .option('--sql <text>', 'the statements')
    .option('--sql-file <file>', 'a file of statements; - is stdin')
    .option('--catalog <file>', 'the schema, as --save-catalog wrote it; without it the Database is asked')
    .option('--save-catalog <file>', 'keep the schema the Database tells of')
    .option('--opa-bin <path>', 'the opa that compiles policies (default SALLYPORT_OPA, then PATH)')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (options: CheckFlags) => {
      const { runCheck } = await import('./commands/check.ts')
      done(await runCheck(options, io))
    })
}

interface CommonAuditOptions {
  readonly file?: string
  readonly dir?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace: string
  readonly output: 'table' | 'json'
}

function addAudit(program: Command, io: Io, done: Done): void {
  const audit = program.command('audit').description('read and verify the audit log')
  const common = (command: Command): Command =>
    command
      .option('--file <file>', 'an audit file of standalone mode, or a copied AuditSegment')
      .option('--dir <dir>', 'a folder of copied AuditSegments (YAML or JSON)')
      .option('--kubeconfig <file>', 'the cluster to read from (default as kubectl)')
      .option('--context <name>', 'a context of the kubeconfig')
      .option('-n, --namespace <ns>', 'where the AuditSegments are', 'sallyport-system')
      .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
  common(audit.command('verify').description('check every hash, chain and number; exit 1 names what is wrong'))
    .option('--against <report>', 'an earlier `verify -o json`: everything it saw must still be there')
    .action(async (options: CommonAuditOptions & { readonly against?: string }) => {
      const { verifyAudit } = await import('./commands/audit-verify.ts')
      done(await verifyAudit(options, io))
    })
  common(audit.command('tail').description('show the last records'))
    .option('-l, --lines <n>', 'how many', parseCount, 10)
    .option('-f, --follow', 'go on with what comes', false)
    .action(async (options: CommonAuditOptions & { readonly lines: number; readonly follow: boolean }) => {
      const { tailAudit } = await import('./commands/audit-tail.ts')
      done(await tailAudit(options, io))
    })
}

/** A command that talks to a cluster. */
function onCluster(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'the cluster (default as kubectl; in a pod, its own)')
    .option('--context <name>', 'a context of the kubeconfig')
}

function addDoctor(program: Command, io: Io, done: Done): void {
  onCluster(program.command('doctor'))
    .description('look at an installation and at what runs under it; exit 1 if something is not as it must be')
    .option('-n, --namespace <ns>', 'of the release', 'sallyport-system')
    .option('--name <name>', 'prefix of the names of the release', 'sallyport')
    .option('--test-namespace <ns>', 'where pods are proposed, by dry-run, to see what becomes of them', 'default')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (options: DoctorFlags) => {
      const { runDoctor } = await import('./commands/doctor.ts')
      done(await runDoctor(options, io))
    })
}

function addHook(program: Command, io: Io, done: Done): void {
  const hook = program.command('hook').description("what the chart's hooks run")
  const common = (command: Command): Command =>
    onCluster(command.requiredOption('--name <name>', 'prefix of the names of the release'))
  common(
    hook.command('pre-delete').description('remove every admission object of a release, so that it blocks nothing'),
  )
    .requiredOption('--instance <release>', 'name of the release')
    .action(async (options: PreDeleteFlags) => {
      const { runPreDeleteHook } = await import('./commands/hook.ts')
      done(await runPreDeleteHook(options, io))
    })
  common(hook.command('test').description('prove by dry-run that pods are injected and refused as they must be'))
    .option('-n, --namespace <ns>', 'of the release', 'sallyport-system')
    .option('--test-namespace <ns>', 'where the pods are proposed', 'default')
    .action(async (options: HookTestFlags) => {
      const { runTestHook } = await import('./commands/hook.ts')
      done(await runTestHook(options, io))
    })
}

function report(cause: unknown, io: Io): number {
  if (cause instanceof CommanderError) return cause.exitCode === 0 ? exitCodes.ok : exitCodes.unusable
  if (cause instanceof CliError) {
    for (const line of cause.message.split('\n')) io.stderr.write(`sallyport: ${cause.reason}: ${line}\n`)
    return cause.exitCode
  }
  io.stderr.write(`sallyport: internal-error: ${cause instanceof Error ? cause.message : 'unknown'}\n`)
  return exitCodes.failed
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a number.')
  return Number(text)
}
