/** What a statement can do to a relation; the vocabulary of `AccessGrant.spec.permissions[].operations`. */
export const operations = [
  'Select',
  'Insert',
  'Update',
  'Delete',
  'Merge',
  'Truncate',
  'CopyIn',
  'CopyOut',
  'Create',
  'Alter',
  'Drop',
  'Lock',
  'Call',
] as const
export type Operation = (typeof operations)[number]

/** How a sensitive column may be shown; `Deny` columns may appear nowhere. */
export const maskKinds = ['Redact', 'Null', 'Hash', 'Partial', 'Deny'] as const
export type MaskKind = (typeof maskKinds)[number]
