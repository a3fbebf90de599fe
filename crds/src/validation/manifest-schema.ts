/** A CRD's schema as JSON Schema; rules of the CRD that concern one object by itself go along. */
export interface ManifestSchema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, ManifestSchema>>
  readonly items?: ManifestSchema
  readonly additionalProperties?: ManifestSchema | boolean
  readonly required?: readonly string[]
  readonly enum?: readonly string[]
  /** Fields that tell the entries of a list apart. */
  readonly 'x-keys'?: readonly string[]
  readonly 'x-rules'?: readonly ManifestRule[]
  readonly [keyword: string]: unknown
}

export interface ManifestRule {
  /** CEL, as the CRD has it. */
  readonly rule: string
  readonly message: string
}
