import { testDrivers } from './test-drivers.ts'

testDrivers('18')
