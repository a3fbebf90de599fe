export { parseConfig, type ControllerConfig, type ParsedConfig } from './config.ts'
export { runController, type RunningController } from './controller.ts'
export type { Certificates, Closable, RoomContext, Rooms } from './rooms.ts'
export { createLogger } from './telemetry/logger.ts'
