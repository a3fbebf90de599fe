import type { ManifestSchema } from './manifest-schema.ts'
import { customResourceDigests, manifestSchemas } from './schemas.generated.ts'

/** A CRD as this build was made with it. */
export interface CustomResourceDigest {
  /** Of the CRD: `<plural>.sallyport.dev`. */
  readonly name: string
  readonly kind: string
  readonly version: string
  /** digestOf its `openAPIV3Schema`. */
  readonly schemaDigest: string
}

export interface CustomResourceInfo extends CustomResourceDigest {
  /** Its fields, and what they may hold. */
  readonly schema: ManifestSchema
}

/** Every CRD there is. */
export const customResources: readonly CustomResourceInfo[] = customResourceDigests.map((entry) => ({
  ...entry,
  schema: manifestSchemas[entry.kind] ?? {},
}))
