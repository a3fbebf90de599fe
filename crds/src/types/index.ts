// Generated from the CRDs by make generate; do not edit.
export type { AccessGrant } from './access-grant.ts'
export type { AccessPolicy } from './access-policy.ts'
export type { AuditSegment } from './audit-segment.ts'
export type { ClusterAccessPolicy } from './cluster-access-policy.ts'
export type { Database } from './database.ts'
