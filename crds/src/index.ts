export * from './operations.ts'
export * from './bundle.ts'
export * from './audit-chain.ts'
