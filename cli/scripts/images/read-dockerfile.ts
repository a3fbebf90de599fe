import { Copy, DockerfileParser, JSONInstruction, PropertyInstruction, type Instruction } from 'dockerfile-ast'
import { ImageError } from './image-error.ts'

/** What a Dockerfile of ours says of its image. */
export interface ImageDescription {
  /** The layers, in their order. */
  readonly copies: readonly CopiedFolder[]
  /** `<uid>:<gid>` */
  readonly user: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly workingDir: string
}

/** A folder of the build context that is copied to `/`. */
export interface CopiedFolder {
  readonly folder: string
  /** Who owns all that is in it. */
  readonly uid: number
  readonly gid: number
}

/**
 * Reads the instructions our Dockerfiles are made of: FROM scratch, COPY of a folder to / (with --chown by number), ENV,
 * LABEL, WORKDIR, USER by number, and ENTRYPOINT and CMD as JSON. Anything else would be in an image that Docker builds
 * and not in ours: it is refused, as are variables.
 * @throws ImageError `bad-dockerfile` with the line.
 */
export function readDockerfile(text: string, name: string): ImageDescription {
  const instructions = DockerfileParser.parse(text).getInstructions()
  const description = instructions.reduce<ImageDescription>((before, instruction) => {
    const read = readInstruction(before, instruction)
    if (typeof read !== 'string') return read
    const line = instruction.getRange().start.line + 1
    throw new ImageError('bad-dockerfile', `${name}:${line}: ${instruction.getKeyword()}: ${read}`)
  }, nothing)
  if (description.user === '') throw new ImageError('bad-dockerfile', `${name}: USER is missing`)
  if (description.copies.length === 0) throw new ImageError('bad-dockerfile', `${name}: COPY is missing`)
  return description
}

const nothing: ImageDescription = {
  copies: [],
  user: '',
  entrypoint: [],
  command: [],
  env: {},
  labels: {},
  workingDir: '/',
}

/** @returns the description with the instruction, or what is wrong with it. */
function readInstruction(before: ImageDescription, instruction: Instruction): ImageDescription | string {
  const argument = instruction.getArgumentsContent() ?? ''
  if (argument.includes('$')) return 'variables are not supported'
  switch (instruction.getKeyword()) {
    case 'FROM':
      return argument === 'scratch' ? before : 'only scratch is supported'
    case 'COPY': {
      const copy = copiedFolder(instruction)
      return copy
        ? { ...before, copies: [...before.copies, copy] }
        : 'only [--chown=<uid>:<gid>] <folder>/ / is supported'
    }
    case 'ENV':
      return { ...before, env: { ...before.env, ...properties(instruction) } }
    case 'LABEL':
      return { ...before, labels: { ...before.labels, ...properties(instruction) } }
    case 'WORKDIR':
      return argument.startsWith('/') ? { ...before, workingDir: argument } : 'it must be absolute'
    case 'USER':
      return /^\d+:\d+$/.test(argument) ? { ...before, user: argument } : 'it must be <uid>:<gid>'
    case 'ENTRYPOINT': {
      const entrypoint = words(instruction)
      return entrypoint ? { ...before, entrypoint } : 'it must be a JSON array'
    }
    case 'CMD': {
      const command = words(instruction)
      return command ? { ...before, command } : 'it must be a JSON array'
    }
    default:
      return 'not supported'
  }
}

function copiedFolder(instruction: Instruction): CopiedFolder | null {
  if (!(instruction instanceof Copy)) return null
  const [from, to, ...rest] = instruction.getArguments().map((argument) => argument.getValue())
  const folder = /^([a-z0-9-]+)\/$/.exec(from ?? '')?.[1]
  if (folder === undefined || to !== '/' || rest.length > 0) return null
  const [flag, ...more] = instruction.getFlags()
  if (flag === undefined) return { folder, uid: 0, gid: 0 }
  const owner = flag.getName() === 'chown' ? /^(\d+):(\d+)$/.exec(flag.getValue() ?? '') : null
  return owner && more.length === 0 ? { folder, uid: Number(owner[1]), gid: Number(owner[2]) } : null
}

function properties(instruction: Instruction): Readonly<Record<string, string>> {
  if (!(instruction instanceof PropertyInstruction)) return {}
  return Object.fromEntries(instruction.getProperties().map((each) => [each.getName(), each.getValue() ?? '']))
}

function words(instruction: Instruction): readonly string[] | null {
  if (!(instruction instanceof JSONInstruction)) return null
  if (instruction.getOpeningBracket() === null || instruction.getClosingBracket() === null) return null
  return instruction.getJSONStrings().map((argument) => argument.getJSONValue())
}
