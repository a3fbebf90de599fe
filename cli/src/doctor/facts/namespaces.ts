import type { Cluster } from '../cluster.ts'
import { textAt, textsAt } from '../shape.ts'

export const injectLabel = 'sallyport.dev/inject'
export const interceptionAnnotation = 'sallyport.dev/interception'

/** A namespace that carries the label of enrolment, whatever its value. */
export interface NamespaceFact {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly interception: string
}

/** @throws ClusterError */
export async function readNamespaces(cluster: Cluster): Promise<readonly NamespaceFact[]> {
  const facts: NamespaceFact[] = []
  const query = { labelSelector: injectLabel }
  for await (const object of cluster.list({ group: '', version: 'v1', resource: 'namespaces' }, { query }))
    facts.push({
      name: textAt(object, 'metadata', 'name'),
      labels: textsAt(object, 'metadata', 'labels'),
      interception: textsAt(object, 'metadata', 'annotations')[interceptionAnnotation] ?? '',
    })
  return facts
}
