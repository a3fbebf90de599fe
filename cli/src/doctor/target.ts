/** What a request is about: a collection, or one object of it. */
export interface Target {
  /** '' is the core group. */
  readonly group: string
  readonly version: string
  /** Plural, lower case. */
  readonly resource: string
  /** Absent: cluster-wide. */
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
  /** Below the subresource, for `proxy`: begins with a slash. */
  readonly tail?: string
}

export type Verb = 'get' | 'list' | 'create' | 'delete'

/** Path of the REST interface, without query. */
export function pathOf(target: Target): string {
  const { group, version, resource, namespace, name, subresource, tail = '' } = target
  const root = group === '' ? ['api', version] : ['apis', group, version]
  const parts = [
    ...root,
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    resource,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ]
  return `/${parts.map(encodeURIComponent).join('/')}${tail}`
}

/** The command that tells whether somebody has the right to do this. */
export function rightOf(verb: Verb, target: Target): string {
  const { group, resource, namespace, name, subresource } = target
  const type = group === '' ? resource : `${resource}.${group}`
  const where = namespace === undefined ? (clusterScoped.has(resource) ? [] : ['--all-namespaces']) : ['-n', namespace]
  const part = subresource === undefined ? [] : [`--subresource=${subresource}`]
  return ['kubectl auth can-i', verb, name === undefined ? type : `${type}/${withoutPort(name)}`, ...part, ...where].join(' ') // prettier-ignore
}

/** A Service is proxied as `scheme:name:port`; the right is about its name. */
function withoutPort(name: string): string {
  const parts = name.split(':')
  return parts.length === 1 ? name : (parts.at(parts.length === 2 ? 0 : 1) ?? name)
}

const clusterScoped = new Set([
  'namespaces',
  'customresourcedefinitions',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'clusteraccesspolicies',
])
