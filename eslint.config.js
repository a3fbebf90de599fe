import tseslint from 'typescript-eslint'

// `no-new-error`: a broken invariant is an exception of its room's own class; a bare Error says nothing to who catches it.
const noBareError = {
  selector: "NewExpression[callee.name='Error']",
  message: 'throw the error class of the room (see unreachable for the one exception)',
}

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      'test/tools/*.mjs',
      'test/e2e/agent/*.mjs',
      '**/node_modules/**',
      'crds/src/types/**',
      '**/*.generated.ts',
      'eslint.config.js',
      '.dependency-cruiser.cjs',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // 'modified': a switch over messages is one decision.
      complexity: ['error', { max: 20, variant: 'modified' }],
      'max-depth': ['error', 4],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': ['error', noBareError],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'only config.ts reads the environment' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/consistent-type-definitions': 'off',
    },
  },
  { files: ['**/config.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['**/unreachable.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/*.test.ts', 'test/**'],
    rules: {
      'max-lines': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
)
