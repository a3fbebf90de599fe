/** What the generator reads of a CustomResourceDefinition. */
export interface CustomResource {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly scope: string
    readonly names: {
      readonly kind: string
      readonly plural: string
      readonly shortNames?: readonly string[]
    }
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[]
  }
}

export interface Schema {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly required?: readonly string[]
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxProperties?: number
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[]
}

/** The schema of the one version there is. */
export function schemaOf(crd: CustomResource): Schema {
  const [version] = crd.spec.versions
  if (!version) throw new RangeError(`${crd.metadata.name} has no version`)
  return version.schema.openAPIV3Schema
}
