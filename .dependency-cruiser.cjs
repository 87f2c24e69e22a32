// The directions of DESIGN.md section 2: main -> loop -> {decide, adapters} -> ports -> core.
//
// Paths are those of sources, relative to the repository; `$1` is what the first group of `from.path` matched, here the
// side (controller, agent or router). Imports of types count: a type is knowledge too. What cannot be resolved is an
// error, since every other rule would be silent about it.

const side = '(controller|agent|router)';
const main = `^${side}/(guard/|check/)?main\\.ts$`; // the guard is a process of its own, so it has a main of its own
const effects = `^${side}/(adapters|engines|guard|check)/`;
const tests = '(^test/|\\.test\\.ts$)';
const tooling = '^(\\.dependency-cruiser|eslint\\.config|vitest\\.config|scripts/)';

const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });

module.exports = {
  forbidden: [
    rule(
      'no-circular',
      'Two files that need each other are one idea in two places, or two ideas in the wrong places.',
      { pathNot: '^proto/generated/' }, // messages may well contain each other
      { circular: true },
    ),
    rule(
      'resolvable',
      'An import that is not found hides from all other rules. Types of proto/ appear with `npm run build`.',
      {},
      { couldNotResolve: true },
    ),

    // From the centre outward: who may see what.
    rule(
      'core-sees-core',
      'core sees no I/O, no clock, no randomness, no promise: it imports nothing outside core.',
      { path: '^core/', pathNot: tests },
      { pathNot: '^core/' },
    ),
    rule(
      'decide-sees-core',
      'decide is a function of values. It imports core and its own folder; a port, even its types, is I/O.',
      { path: `^${side}/decide/`, pathNot: tests },
      { pathNot: ['^core/', '^$1/decide/'] },
    ),
    rule(
      'ports-see-core',
      'A port says what is needed, in the words of core, and not how it is done.',
      { path: `^${side}/ports/`, pathNot: tests },
      { pathNot: ['^core/', '^$1/ports/'] },
    ),
    rule(
      'loop-sees-decide-and-ports',
      'The simulator runs the loop unchanged, so everything real reaches it through a port.',
      { path: `^${side}/loop(/|\\.ts$)`, pathNot: tests },
      { pathNot: ['^core/', '^$1/(decide|ports|loop)(/|\\.ts$)'] },
    ),
    rule(
      'adapters-and-engines-decide-nothing',
      'They do what they are told: ports, configuration, core, proto, common and packages; what one shares with the other is a port.',
      { path: `^${side}/(adapters|engines)/`, pathNot: tests },
      {
        pathNot: ['^core/', '^$1/(ports|$2)/', '^$1/config\\.ts$', '^(proto|common)/', '^node_modules/'],
        dependencyTypesNot: ['core'],
      },
    ),
    rule(
      'guard-decides-nothing',
      'The guard fences by its own means, so it may use engines and adapters, but it never needs the loop.',
      { path: '^agent/guard/', pathNot: tests },
      { path: '^agent/(decide|loop|main)(/|\\.ts$)' },
    ),
    rule(
      'engines-apart',
      'Engines of different databases never import each other; what they share lies in agent/engines/ itself.',
      { path: '^agent/engines/([^/]+)/', pathNot: tests },
      { path: '^agent/engines/[^/]+/', pathNot: ['^agent/engines/$1/', '^agent/engines/mysql-family/'] },
    ),
    rule(
      'mysql-family-is-of-two',
      'What MySQL and MariaDB have in common is no engine, and nobody else has it.',
      { path: '^agent/engines/', pathNot: [tests, '^agent/engines/(mysql|mariadb|mysql-family)/'] },
      { path: '^agent/engines/mysql-family/' },
    ),

    // Who may be seen by whom.
    rule(
      'sides-apart',
      'controller, agent and router meet only on the wire, in proto, and in core; common is what each does the same way.',
      { path: `^${side}/` },
      { path: `^${side}/`, pathNot: '^$1/' },
    ),
    rule(
      'common-sees-core',
      'What all do the same way knows nothing of any of them, nor of the wire.',
      { path: '^common/', pathNot: tests },
      { pathNot: ['^core/', '^common/', '^node_modules/'], dependencyTypesNot: ['core'] },
    ),
    rule(
      'only-main-composes',
      'Only main knows both the loop and the real adapters and engines.',
      { path: `^${side}/`, pathNot: [main, tests, effects] },
      { path: effects },
    ),
    rule(
      'only-main-runs-the-loop',
      'Only main knows both the loop and the real adapters and engines.',
      { pathNot: [main, tests, `^${side}/loop/`] },
      { path: `^${side}/loop(/|\\.ts$)` },
    ),
    rule(
      'nobody-imports-main',
      'A main is started by the cli; nothing else depends on it.',
      { pathNot: ['^cli/', tests] },
      { path: main },
    ),
    rule(
      'cli-sees-mains',
      'The cli configures and starts a side, or speaks to it over the wire; it does not reach inside.',
      { path: '^cli/', pathNot: tests },
      { path: `^${side}/`, pathNot: [main, `^${side}/config\\.ts$`] },
    ),
    rule(
      'outsiders-see-no-side',
      'Everything beside the cli and the tests speaks to a controller or an agent over the wire.',
      { pathNot: [`^${side}/`, '^cli/', tests] },
      { path: `^${side}/` },
    ),
    rule('cli-is-the-edge', 'Nothing depends on the cli.', { pathNot: ['^cli/', tests] }, { path: '^cli/' }),
    rule(
      'tests-stay-in-tests',
      'Code that runs in production never depends on tests. What an engine is held against is a command as well.',
      { pathNot: tests },
      { path: tests, pathNot: '^test/contract/engine/' },
    ),

    rule(
      'engine-contract-knows-no-engine',
      'Whatever stands behind the engine port takes the same cases, a simulated engine too.',
      { path: '^test/contract/engine/' },
      {
        pathNot: ['^core/', '^agent/ports/', '^test/contract/engine/', '^node_modules/vitest/'],
        dependencyTypesNot: ['core'],
      },
    ),
    rule(
      'engine-contract-without-framework',
      '`tanist engine check` runs the cases, and no test framework is installed with it.',
      { path: '^test/contract/engine/', pathNot: '/suite\\.ts$' },
      { path: ['^node_modules/', '/suite\\.ts$'] },
    ),
    rule(
      'etcd-contract-knows-no-etcd',
      'Whatever stands behind the ports election and plan-store takes the same cases, a simulated etcd too.',
      { path: '^test/contract/etcd/' },
      {
        pathNot: [
          ...['^core/', '^controller/ports/', '^test/contract/etcd/', '^node_modules/vitest/'],
          '^test/scenarios/build\\.ts$',
        ],
      },
    ),
    rule(
      'watch-contract-knows-no-watch',
      'The guard and the simulated one take the same cases.',
      { path: '^test/unit/watch/' },
      { pathNot: ['^test/unit/watch/', '^node_modules/vitest/'] },
    ),

    // Packages.
    rule(
      'no-dev-dependencies',
      'Who installs tanist does not get its dev dependencies.',
      { pathNot: [tests, tooling] },
      { dependencyTypes: ['npm-dev'] },
    ),
    rule(
      'declared-packages-only',
      'A package that only a dependency asked for may be gone with its next version.',
      {},
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
  ],
  options: {
    exclude: { path: '^(dist|coverage|docs|deploy)/' },
    doNotFollow: { path: '^node_modules/' },
    tsPreCompilationDeps: true, // also imports of types, which do not survive compilation
    webpackConfig: { fileName: `${__dirname}/.dependency-cruiser.resolve.cjs` },
  },
};
