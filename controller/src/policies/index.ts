export { policyCompiler, type Compiler, type PolicyCompilation } from './compile-policy.ts'
