/** One thing wrong with a manifest. */
export interface FolderProblem {
  readonly file: string
  /** Field path as in `spec.permissions[0].operations`; empty where it is about the file. */
  readonly path: string
  readonly problem: string
}

/** Manifests that cannot be used, with everything that is wrong with them. */
export class FolderError extends Error {
  override readonly name = 'FolderError'
  readonly problems: readonly FolderProblem[]

  constructor(problems: readonly FolderProblem[]) {
    super(problems.map(describeProblem).join('\n'))
    this.problems = problems
  }

  get file(): string {
    return this.problems[0]?.file ?? ''
  }

  get path(): string {
    return this.problems[0]?.path ?? ''
  }

  get problem(): string {
    return this.problems[0]?.problem ?? ''
  }
}

/** `grant.yaml: spec.duration: must be a duration`. */
export function describeProblem({ file, path, problem }: FolderProblem): string {
  return [file, path, problem].filter((part) => part !== '').join(': ')
}
