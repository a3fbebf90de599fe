export * from './operations.ts'
export * from './bundle.ts'
