import type { Finding } from './finding.ts'
import type { Survey } from './survey.ts'

export type Group = 'Cluster' | 'Release' | 'Admission' | 'Workloads' | 'Access' | 'Audit'

/** One question about an installation: reading is its I/O, the judgement over what was read is pure. */
export interface Check {
  /** Stable word for scripts. */
  readonly id: string
  readonly group: Group
  /** Means nothing where the release is not installed. */
  readonly needsRelease: boolean
  /** @throws ClusterError when what it is about cannot be read. */
  readonly run: (survey: Survey) => Promise<Finding>
}
