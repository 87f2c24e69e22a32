import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

// Node finds `#core/x.js` in dist/ (package.json); tests run the sources, so here it is core/x.ts and no build is needed
// to try a change. A test that starts processes of its own starts what is in dist/.
const alias = [
  {
    find: /^#(core|controller|agent|router|cli|test|proto|common)\/(.*)\.js$/,
    replacement: `${import.meta.dirname}/$1/$2.ts`,
  },
];

type ProjectOptions = NonNullable<Extract<TestProjectConfiguration, { test?: object }>['test']>;

function project(name: string, include: string[], options: ProjectOptions = {}): TestProjectConfiguration {
  return { resolve: { alias }, test: { name, include, environment: 'node', ...options } };
}

/** Of Debian's newest servers, which `npm run test:compat` lays out there (test/compat/servers.mjs). */
const newer = process.env['TANIST_COMPAT_DIR'];
const newerServers = newer && {
  TANIST_POSTGRES_HOME: `${newer}/usr/lib/postgresql`,
  PATH: `${newer}/usr/bin:${process.env['PATH'] ?? ''}`,
};

export default defineConfig({
  test: {
    // The default leaves one processor to others, which on a machine with two means that nothing is parallel.
    maxWorkers: '100%',
    projects: [
      // Values in, values out: any number at once, and on a busy machine five times as slow.
      project('unit', ['test/unit/**/*.test.ts', 'core/**/*.test.ts'], { testTimeout: 30_000 }),
      project('scenarios', ['test/scenarios/**/*.test.ts'], { testTimeout: 30_000 }),
      project('simulation', ['test/simulation/**/*.test.ts']),
      // Real servers, real ports and real time: one file after the other, each kind in a group of its own, after those
      // above, so that no load from another test stretches what is measured here.
      project('contract', ['test/contract/**/*.test.ts'], {
        fileParallelism: false,
        sequence: { groupOrder: 1 },
      }),
      project('integration', ['test/integration/**/*.test.ts'], {
        fileParallelism: false,
        sequence: { groupOrder: 2 },
        testTimeout: 60_000,
        hookTimeout: 120_000,
      }),
      // The same, of what takes minutes to show and seldom breaks: `npm run test:long`.
      project('long', ['test/long/**/*.test.ts'], {
        fileParallelism: false,
        sequence: { groupOrder: 3 },
        testTimeout: 60_000,
        hookTimeout: 120_000,
      }),
      // What has to hold on newer servers than Debian's stable has: `npm run test:compat`.
      project('compat', ['test/compat/**/*.test.ts'], {
        fileParallelism: false,
        sequence: { groupOrder: 4 },
        testTimeout: 60_000,
        hookTimeout: 120_000,
        ...(newerServers && { env: newerServers }),
      }),
    ],
  },
});
