import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * A folder that becomes `/` of an image, or one layer of it. Modes are what is asked for, whatever the umask is. Paths
 * inside are absolute, as the container sees them.
 */
export class RootFolder {
  readonly path: string
  readonly #folders = new Set<string>(['/'])

  /** Empties the folder, or makes it. */
  constructor(path: string) {
    this.path = path
    rmSync(path, { recursive: true, force: true })
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o755)
  }

  folder(inside: string, mode = 0o755): void {
    if (this.#folders.has(inside)) return
    this.folder(dirname(inside))
    mkdirSync(join(this.path, inside))
    chmodSync(join(this.path, inside), mode)
    this.#folders.add(inside)
  }

  file(inside: string, content: string, mode = 0o644): void {
    this.folder(dirname(inside))
    writeFileSync(join(this.path, inside), content)
    chmodSync(join(this.path, inside), mode)
  }

  /** Copies one file; a symbolic link is followed. */
  copy(from: string, inside: string, mode = 0o644): void {
    this.folder(dirname(inside))
    copyFileSync(from, join(this.path, inside), constants.COPYFILE_FICLONE)
    chmodSync(join(this.path, inside), mode)
  }

  chmod(inside: string, mode: number): void {
    chmodSync(join(this.path, inside), mode)
  }

  /** Copies the files of a folder and of those in it; symbolic links stay what they are. */
  tree(from: string, inside: string, options: TreeOptions = {}): void {
    this.folder(inside)
    const { mode = 0o644, filter = () => true } = options
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const [source, target] = [join(from, entry.name), join(inside, entry.name)]
      if (!filter(source)) continue
      if (entry.isDirectory()) this.tree(source, target, options)
      else if (entry.isSymbolicLink()) this.link(target, readlinkSync(source))
      else this.copy(source, target, mode)
    }
  }

  /** A symbolic link. */
  link(inside: string, target: string): void {
    this.folder(dirname(inside))
    symlinkSync(target, join(this.path, inside))
  }
}

export interface TreeOptions {
  /** Of every file; default 0644. */
  readonly mode?: number
  /** Given the path outside; false leaves it out. */
  readonly filter?: (from: string) => boolean
}
