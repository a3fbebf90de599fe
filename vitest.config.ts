import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{crds,sidecar,controller,cli}/{src,scripts}/**/*.test.ts',
            'test/{rig,corpus,bench,hostile-pods}/**/*.test.ts',
          ],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'drivers',
          include: ['test/drivers/**/*.test.ts'],
          globalSetup: ['test/drivers/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'fuzz',
          include: ['test/fuzz/**/*.test.ts'],
          hookTimeout: 120_000,
        },
      },
      {
        // It makes a cluster of its own, as do the two after it.
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      ...[
        { name: 'e2e', include: ['test/e2e/**/*.test.ts'], exclude: ['test/e2e/resilience.test.ts'] },
        { name: 'resilience', include: ['test/e2e/resilience.test.ts'] },
      ].map((project) => ({
        test: {
          ...project,
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      })),
    ],
  },
})
