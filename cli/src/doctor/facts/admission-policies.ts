import { admissionKinds, releaseSelector } from '../admission-objects.ts'
import type { Cluster } from '../cluster.ts'
import { isClusterError } from '../errors.ts'
import { at, listAt, textAt } from '../shape.ts'

export interface AdmissionPolicyFact {
  readonly name: string
  readonly failurePolicy: string
  /** Warnings of the type check; null: it was not made yet. */
  readonly warnings: readonly string[] | null
}

export interface BindingFact {
  readonly name: string
  readonly policy: string
  readonly actions: readonly string[]
  /** `namespace/name` of the ConfigMap it takes its parameters from; null: none. */
  readonly params: string | null
  readonly missingParams: string
}

export interface AdmissionPolicyFacts {
  readonly policies: readonly AdmissionPolicyFact[]
  readonly bindings: readonly BindingFact[]
  /** Parameters that are named and not there. */
  readonly lostParams: readonly string[]
}

/** @throws ClusterError */
export async function readAdmissionPolicies(cluster: Cluster, instance: string): Promise<AdmissionPolicyFacts> {
  const query = { labelSelector: releaseSelector(instance) }
  const policies = (await collect(cluster.list(admissionKinds.validatingAdmissionPolicy, { query }))).map(parsePolicy)
  const bindings = (await collect(cluster.list(admissionKinds.validatingAdmissionPolicyBinding, { query }))).map(parseBinding) // prettier-ignore
  const wanted = new Set(bindings.flatMap(({ params }) => (params === null ? [] : [params])))
  const lostParams: string[] = []
  for (const key of wanted) if (!(await isThere(cluster, key))) lostParams.push(key)
  return { policies, bindings, lostParams }
}

async function isThere(cluster: Cluster, key: string): Promise<boolean> {
  const [namespace = '', name = ''] = key.split('/')
  try {
    return (await cluster.find({ group: '', version: 'v1', resource: 'configmaps', namespace, name })) !== null
  } catch (error) {
    // What may not be seen may be there.
    if (isClusterError(error, 'missing-right')) return true
    throw error
  }
}

function parsePolicy(object: unknown): AdmissionPolicyFact {
  const typeChecking = at(object, 'status', 'typeChecking')
  return {
    name: textAt(object, 'metadata', 'name'),
    failurePolicy: textAt(object, 'spec', 'failurePolicy'),
    warnings:
      typeChecking === undefined
        ? null
        : listAt(typeChecking, 'expressionWarnings').map((one) => `${textAt(one, 'fieldRef')}: ${textAt(one, 'warning')}`), // prettier-ignore
  }
}

function parseBinding(object: unknown): BindingFact {
  const params = at(object, 'spec', 'paramRef')
  const name = textAt(params, 'name')
  return {
    name: textAt(object, 'metadata', 'name'),
    policy: textAt(object, 'spec', 'policyName'),
    actions: listAt(object, 'spec', 'validationActions').map(String),
    params: name === '' ? null : `${textAt(params, 'namespace')}/${name}`,
    missingParams: textAt(params, 'parameterNotFoundAction'),
  }
}

async function collect(objects: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for await (const object of objects) found.push(object)
  return found
}
