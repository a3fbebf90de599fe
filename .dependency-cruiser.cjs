// The one-way doors of docs/architecture.md. `npm run doors` fails on a breach.
const sidecarRooms = 'wire|analysis|decision|masking|budget|audit|credentials|bundle|seal'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'crds-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^crds/' },
      to: { path: '^(sidecar|controller|cli|test)/' },
    },
    {
      name: 'sidecar-imports-only-crds',
      severity: 'error',
      from: { path: '^sidecar/' },
      to: { path: '^(controller|cli|test)/' },
    },
    {
      name: 'controller-imports-only-crds',
      severity: 'error',
      from: { path: '^controller/' },
      to: { path: '^(sidecar|cli|test)/' },
    },
    { name: 'nobody-imports-cli', severity: 'error', from: { pathNot: '^cli/' }, to: { path: '^cli/' } },
    {
      name: 'cli-uses-public-entries',
      severity: 'error',
      from: { path: '^cli/' },
      to: {
        path: '^(crds|sidecar|controller)/src/',
        pathNot: '^(crds|sidecar|controller)/src/(index|policies/index|injection/index|model/deny-reasons)\\.ts$',
      },
    },
    {
      name: 'rooms-use-the-entry-of-crds',
      severity: 'error',
      from: { path: '^(sidecar|controller)/' },
      to: { path: '^crds/src/', pathNot: '^crds/src/index\\.ts$' },
    },
    {
      name: 'sidecar-without-kubernetes-client',
      severity: 'error',
      from: { path: '^sidecar/' },
      to: { path: '@kubernetes/client-node' },
    },
    {
      name: 'sidecar-model-stands-alone',
      severity: 'error',
      from: { path: '^sidecar/src/model/' },
      to: { path: '^sidecar/src/(?!model/)' },
    },
    {
      name: 'sidecar-rooms-never-import-a-sibling',
      severity: 'error',
      from: { path: `^sidecar/src/(${sidecarRooms})/` },
      to: { path: '^sidecar/src/', pathNot: ['^sidecar/src/model/', '^sidecar/src/$1/'] },
    },
    {
      name: 'only-decision-touches-opa',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: '^sidecar/src/decision/' },
      to: { path: 'opa-wasm' },
    },
    {
      name: 'controller-pure-rooms',
      severity: 'error',
      from: { path: '^controller/src/(injection|grants)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^controller/src/', pathNot: '^controller/src/$1/' },
    },
    {
      name: 'nobody-imports-main',
      severity: 'error',
      from: { pathNot: '(^cli/|src/index\\.ts$|\\.test\\.ts$)' },
      to: { path: '^(sidecar|controller)/src/main\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
