import { at } from '../shape.ts'

/** Every field a schema knows, as `.spec.permissions[].columns[]`: OpenAPI and JSON Schema name them alike. */
export function fieldPaths(schema: unknown, path = ''): readonly string[] {
  const properties = at(schema, 'properties')
  const items = at(schema, 'items')
  const own =
    typeof properties === 'object' && properties !== null
      ? Object.entries(properties).flatMap(([name, inner]) => [
          `${path}.${name}`,
          ...fieldPaths(inner, `${path}.${name}`),
        ])
      : []
  return items === undefined ? own : [...own, ...fieldPaths(items, `${path}[]`)]
}
