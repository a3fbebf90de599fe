export declare const modules: readonly {
  readonly folder: string
  readonly goMinor: number
  readonly tools: readonly {
    readonly name: string
    readonly path: string
    readonly ldflags: string
    readonly group?: string
  }[]
}[]
export declare function toolFolder(env?: Readonly<Record<string, string | undefined>>): string
