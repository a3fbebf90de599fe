import { matchesSelector } from './matches-selector.ts'
import type { DatabaseObject } from './objects.ts'

/** True where grants of `namespace` may name the Database: always in its own, elsewhere as `spec.grantableTo` says. */
export function isGrantableTo(
  database: DatabaseObject,
  namespace: string,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (database.metadata.namespace === namespace) return true
  const { from = 'Same', namespaceSelector } = database.spec.grantableTo ?? {}
  switch (from) {
    case 'Same':
      return false
    case 'All':
      return true
    case 'Selector':
      // Unknown labels, a namespace not seen yet: not selected.
      return (
        namespaceSelector !== undefined &&
        namespaceLabels !== undefined &&
        matchesSelector(namespaceSelector, namespaceLabels)
      )
    default:
      return false
  }
}
