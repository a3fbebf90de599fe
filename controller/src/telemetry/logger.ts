import { pino, type DestinationStream, type Logger } from 'pino'

/** JSON lines; tokens, passwords and keys are cut out wherever an object carries them. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { app: 'sallyport-controller' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: [
      '*.password',
      '*.token',
      '*.hashKey',
      '*.authorization',
      '*.credentials',
      'password',
      'token',
      'hashKey',
      'credentials',
    ],
  }
  return destination ? pino(options, destination) : pino(options)
}
