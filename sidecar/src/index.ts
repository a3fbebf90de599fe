export { ConfigError, parseSidecarConfig, type SidecarConfig } from './config.ts'
export { runSidecar, type RunOptions } from './run-sidecar.ts'
export {
  FolderError,
  type CompilePolicy,
  type FolderProblem,
  type PolicyModule,
  type PolicySource,
} from './bundle/folder-source.ts'
export { CatalogError } from './catalog-source.ts'
export { checkStatements, type CheckedStatement, type CheckOptions } from './check-statements.ts'
