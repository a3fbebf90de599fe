import type { Part } from './part.ts'
import type { RootFolder } from './root-folder.ts'

/** Fills a folder of a build context and says what of others is in it. */
export type Fill = (root: RootFolder) => Promise<readonly Part[]>

/** How an image's build context is put together. What the image is, says its Dockerfile. */
export interface Recipe {
  readonly name: string
  /** `registry/repository:tag` the archive is imported as. */
  readonly reference: string
  /** Relative to the repository. */
  readonly dockerfile: string
  /** Released images carry our version and nothing that is set-uid. */
  readonly released: boolean
  /** By the folder's name in the context; the Dockerfile copies each to `/`. */
  readonly folders: Readonly<Record<string, Fill>>
}
