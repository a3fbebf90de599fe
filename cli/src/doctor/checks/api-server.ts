import type { Check } from '../check.ts'
import type { Finding } from '../finding.ts'
import { textAt } from '../shape.ts'

/** ValidatingAdmissionPolicy is stable since. */
const oldest = { major: 1, minor: 30 }

/** The API server answers, and is new enough. */
export const apiServerCheck: Check = {
  id: 'api-server',
  group: 'Cluster',
  needsRelease: false,
  run: async ({ cluster }) => judgeVersion((await cluster.raw('/version')).body),
}

/** @param version  what `/version` says. */
export function judgeVersion(version: unknown): Finding {
  const told = textAt(version, 'gitVersion')
  // Providers write `30+`.
  const [major, minor] = [textAt(version, 'major'), textAt(version, 'minor')].map((part) => Number.parseInt(part, 10))
  if (major === undefined || minor === undefined || Number.isNaN(major) || Number.isNaN(minor)) {
    return {
      result: 'Warning',
      message: `the API server says it is ${told || 'of no version'}, which cannot be read`,
      fix: 'see that it is at least 1.30',
    }
  }
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) {
    return { result: 'Ok', message: `Kubernetes ${told}` }
  }
  return {
    result: 'Failed',
    message: `Kubernetes ${told} has no ValidatingAdmissionPolicy`,
    fix: `Sallyport needs ${oldest.major}.${oldest.minor} or newer`,
  }
}
