import { builtinModules } from 'node:module';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// The simulator replays a run from its seed, and a rule can be argued about on paper, only because the core and the
// deciders are functions of values. One forgotten Date.now() ends that, hence a tool and not a habit.
const PURE_FILES = ['core/**/*.ts', '{controller,agent,router}/decide/**/*.ts'];
const PURE = 'core and decide see no I/O, no clock, no randomness, no promise';
const IMPURE_GLOBALS = [
  ...['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ...['crypto', 'process', 'console', 'fetch', 'Promise'],
  ...['globalThis', 'global'], // the way round all of the above
];
const IMPURE_SYNTAX = [
  ...[':function[async=true]', 'AwaitExpression', 'ForOfStatement[await=true]', 'ImportExpression'],
  'TSTypeReference[typeName.name=/^(Promise|PromiseLike|Date)$/]', // no-restricted-globals lets types pass
];

// Outside adapters the time is an input: every event carries a monotonic instant (DESIGN.md section 2). Adapters and
// the cli may ask for the date, to show it to people.
const CLOCK = 'time is data: take the instant from the event, or from the clock port';
const wallClockProperty = { object: 'Date', property: 'now', message: CLOCK };
const wallClockSyntax = { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: CLOCK };

// A case of a contract runs in virtual time too, where a clock of its own would stand still or run ahead.
const BED_TIME = 'time belongs to the bed: wait by pass and waitUntil (harness.ts beside the suite)';
const CLOCK_GLOBALS = ['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'process'];

const TESTS = ['test/**/*.{ts,mjs}', '**/*.test.ts'];
// Not part of the TypeScript project: no types to check them by.
const UNTYPED = ['**/*.{js,mjs,cjs}', 'vitest.config.ts'];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'proto/generated/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },

  {
    rules: {
      eqeqeq: 'error',
      // A failed promise that nobody looks at is a step that silently did not happen. `void` marks the few meant so.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-misused-promises': 'error',
      // A new kind of event or outcome must be thought about in every place that switches over it.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // `while (true)` with a return inside says what it is; other constant conditions are mistakes.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Numbers and bigints (epochs, positions) print as themselves; objects, null and undefined do not. All is spelled
      // out, because giving any option replaces those of the strict preset.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        {
          allowNumber: true,
          allowAny: false,
          allowBoolean: false,
          allowNever: false,
          allowNullish: false,
          allowRegExp: false,
        },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          caughtErrorsIgnorePattern: '^_',
          destructuredArrayIgnorePattern: '^_',
          ignoreRestSiblings: true,
        },
      ],
      // `() => emitter.emit(…)` is plain enough.
      '@typescript-eslint/no-confusing-void-expression': 'off',
    },
  },

  {
    files: ['{core,controller,agent,router}/**/*.ts'],
    ignores: ['{controller,agent,router}/adapters/**', ...TESTS],
    rules: {
      'no-restricted-properties': ['error', wallClockProperty],
      'no-restricted-syntax': ['error', wallClockSyntax],
    },
  },

  {
    files: PURE_FILES,
    ignores: TESTS,
    rules: {
      'no-restricted-globals': ['error', ...IMPURE_GLOBALS.map((name) => ({ name, message: PURE }))],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: PURE }],
      'no-restricted-syntax': ['error', ...IMPURE_SYNTAX.map((selector) => ({ selector, message: PURE }))],
      'no-restricted-imports': [
        'error',
        {
          paths: builtinModules.map((name) => ({ name, message: PURE })),
          patterns: [{ group: ['node:*'], message: PURE }],
        },
      ],
    },
  },

  {
    files: TESTS,
    rules: {
      // Matchers take methods apart (`expect(port.send)`), and fakes are async because the port is.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      // What came out of JSON or a driver is asserted a line later; a wrong guess fails the test.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },

  {
    files: ['test/contract/{engine,etcd}/**/*.ts', 'test/unit/watch/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...CLOCK_GLOBALS.map((name) => ({ name, message: BED_TIME }))],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*', '!node:util'], message: BED_TIME }] },
      ],
    },
  },

  { files: UNTYPED, extends: [tseslint.configs.disableTypeChecked] },
);
