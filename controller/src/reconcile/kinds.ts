const apiVersion = 'sallyport.dev/v1alpha1'

export const grantKind = { apiVersion, kind: 'AccessGrant', resource: 'accessgrants' } as const
export const databaseKind = { apiVersion, kind: 'Database', resource: 'databases' } as const
export const policyKinds = {
  AccessPolicy: { apiVersion, kind: 'AccessPolicy', resource: 'accesspolicies' },
  ClusterAccessPolicy: { apiVersion, kind: 'ClusterAccessPolicy', resource: 'clusteraccesspolicies' },
} as const
