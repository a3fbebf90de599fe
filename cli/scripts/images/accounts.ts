import type { RootFolder } from './root-folder.ts'

export interface Account {
  readonly name: string
  /** User and group have the same number. */
  readonly id: number
  readonly home?: string
}

/** Writes /etc/passwd and /etc/group. Nobody has a shell or a password. */
export function addAccounts(root: RootFolder, accounts: readonly Account[]): void {
  const passwd = accounts.map(({ name, id, home = '/' }) => `${name}:x:${id}:${id}::${home}:/nonexistent\n`)
  const group = accounts.map(({ name, id }) => `${name}:x:${id}:\n`)
  root.file('/etc/passwd', passwd.join(''))
  root.file('/etc/group', group.join(''))
}
