/** What one check found. Whatever is wrong comes with what to do about it. */
export type Finding =
  | { readonly result: 'Ok'; readonly message: string; readonly items?: readonly string[] }
  | {
      readonly result: 'Warning' | 'Failed'
      /** One sentence. */
      readonly message: string
      /** What to do, one sentence. */
      readonly fix: string
      /** What it is about, one line each; as many as there are. */
      readonly items?: readonly string[]
    }
  | {
      readonly result: 'Skipped'
      readonly message: string
      /** The right that is missing, as a command that asks for it. */
      readonly right?: string
    }

export type Result = Finding['result']
