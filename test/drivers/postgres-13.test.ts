import { testDrivers } from './test-drivers.ts'

testDrivers('13')
