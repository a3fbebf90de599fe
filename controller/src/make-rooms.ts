import { startAdmission } from './admission/start-admission.ts'
import { openCertificates } from './certificates/open-certificates.ts'
import type { ControllerConfig } from './config.ts'
import { policyCompiler } from './policies/index.ts'
import type { Rooms } from './rooms.ts'

/** The rooms a release runs with. */
export function makeRooms(config: ControllerConfig): Rooms {
  return {
    openCertificates: (context) => openCertificates(context),
    startAdmission: (context, certificates) => startAdmission(context, certificates),
    compiler: policyCompiler({ opa: config.opa }),
  }
}
