export { ConfigError, parseSidecarConfig, type SidecarConfig } from './config.ts'
export { runSidecar, type RunOptions } from './run-sidecar.ts'
