// Builds dist/ from the sources: types and descriptors from the protos, then tsc, then the program as it is installed: bundled,
// since an agent that is started again has about a second before its leader's lease is over, and reading some 400 files took
// most of it. A build that finds nothing changed ends at once, so whatever needs dist/ (tests, demo, bench) simply builds first.
//
// dist/build.json is removed first and written last: where it exists, dist/ is what the sources with that hash compile
// to. Builds of one tree wait for each other; two at once could leave the output of one beside tsc's records of the
// other, and a stale file would then never be compiled again.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import { rolldown } from 'rolldown';

const TSC = 'node_modules/typescript/bin/tsc';
const SELF = 'scripts/build.mjs';
const TSC_RECORDS = 'dist/.tsbuildinfo';
const BUILD_JSON = 'dist/build.json';
const LOCK = 'dist/.lock';
const LOCK_LIMIT_MS = 120_000; // a build takes seconds; an older lock is a leftover

const GENERATE = 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js';
const GENERATE_OPTIONS = [
  '--longs=String', // 64 bits do not fit into a JavaScript number; adapters turn the text into a bigint
  '--enums=String',
  '--defaults',
  '--oneofs',
  '--includeComments', // the contract's comments are shown wherever its types are used
  '--grpcLib=@grpc/grpc-js',
  '--importFileExtension=.js', // what `module: nodenext` asks of an import
];
const GENERATED = 'proto/generated';

/** The program that package.json names, and the chunks that it loads when a command needs them. */
const BUNDLE = { from: 'dist/cli/main.js', folder: 'dist/program', entry: 'tanist' };

process.chdir(path.dirname(import.meta.dirname));
fs.mkdirSync('dist', { recursive: true });
waitForLock();
await build();

async function build() {
  generateTypes();

  const roots = readJson('tsconfig.json').include;
  const sources = roots.flatMap((root) => filesUnder(root, '.ts'));
  // The settings count as sources: they decide what the others compile to.
  const hash = hashOf([...sources, ...protos(), 'package.json', 'package-lock.json', 'tsconfig.json', SELF]);
  const complete = removeStaleOutputs(roots, sources);
  const bundled = fs.existsSync(path.join(BUNDLE.folder, `${BUNDLE.entry}.js`));
  if (complete && bundled && fs.existsSync(BUILD_JSON) && readJson(BUILD_JSON).sources === hash) return;

  fs.rmSync(BUILD_JSON, { force: true });
  // tsc believes its records, not the folder: without them it writes every output again.
  if (!complete) fs.rmSync(TSC_RECORDS, { force: true });
  run(TSC, ['--project', 'tsconfig.json']);
  await bundle();
  fs.writeFileSync(BUILD_JSON, `${JSON.stringify({ sources: hash })}\n`);
}

/** Each build names its chunks anew, so the folder is emptied: a program that runs has loaded what it needs of it. */
async function bundle() {
  fs.rmSync(BUNDLE.folder, { recursive: true, force: true });
  const built = await rolldown({
    input: { [BUNDLE.entry]: BUNDLE.from },
    platform: 'node',
    external: ['etcd3'], // it reads its protos from its own folder
    // pg asks whether it runs at Cloudflare by making a Response, for which Node 20 loads all of fetch.
    transform: { define: { Response: 'undefined' } },
  });
  await built.write({ dir: BUNDLE.folder, format: 'esm', sourcemap: true, comments: { legal: true } });
  await built.close();
}

/**
 * Writes proto/generated, unless it was made from these very protos in this very way. Contents are compared, not times:
 * a checkout gives old contents new times, and a deleted proto has no time at all.
 */
function generateTypes() {
  const inputs = hashOf([...protos(), 'package-lock.json', SELF]);
  const stamp = '.inputs';
  const previous = path.join(GENERATED, stamp);
  if (fs.existsSync(previous) && fs.readFileSync(previous, 'utf8') === inputs) return;
  if (protos().length === 0) return;

  // Beside the real place first, so that a mistake in a proto leaves the last good types where they are.
  const fresh = 'dist/.generated';
  fs.rmSync(fresh, { recursive: true, force: true });
  const names = protos().map((file) => path.relative('proto', file));
  run(GENERATE, [...GENERATE_OPTIONS, '--includeDirs=proto', `--outDir=${fresh}`, ...names]);

  // For each proto the generator writes an entry file with helpers for services, whether it has services or not, and
  // noUnusedLocals objects to the unused ones.
  for (const name of fs.readdirSync(fresh).filter((name) => name.endsWith('.ts'))) {
    const entry = path.join(fresh, name);
    const text = fs.readFileSync(entry, 'utf8');
    if (text.includes(': SubtypeConstructor<')) continue;
    fs.writeFileSync(entry, `// @ts-nocheck: without services the helpers below are unused\n${text}`);
  }

  // The contracts as data: parsing them anew took every start 30 ms.
  const root = new protobuf.Root();
  root.resolvePath = (_, name) => path.join('proto', name);
  const descriptors = JSON.stringify(root.loadSync(names).resolveAll().toJSON());
  const lines = [
    "import type { fromJSON } from '@grpc/proto-loader';",
    `export const descriptors = JSON.parse(${JSON.stringify(descriptors)}) as Parameters<typeof fromJSON>[0];`,
  ];
  fs.writeFileSync(path.join(fresh, 'descriptors.ts'), `${lines.join('\n')}\n`);

  fs.writeFileSync(path.join(fresh, stamp), inputs);
  fs.rmSync(GENERATED, { recursive: true, force: true });
  fs.renameSync(fresh, GENERATED);
}

/** Removes outputs whose source is gone, which tsc never does. Answers whether every source has its output. */
function removeStaleOutputs(roots, sources) {
  const missing = new Set(
    sources.filter((file) => !file.endsWith('.d.ts')).map((file) => `dist/${file.replace(/\.ts$/, '.js')}`),
  );
  const expected = new Set(missing);
  for (const output of roots.flatMap((root) => filesUnder(`dist/${root}`, '.js', '.js.map'))) {
    if (!expected.has(output.replace(/\.map$/, ''))) fs.rmSync(output);
    missing.delete(output);
  }
  return missing.size === 0;
}

function protos() {
  return filesUnder('proto', '.proto');
}

/** The files under a folder that end in one of these ways, in an order that does not depend on the file system. */
function filesUnder(folder, ...endings) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true })
    .map((name) => path.join(folder, name))
    .filter((file) => endings.some((ending) => file.endsWith(ending)))
    .sort();
}

/** Names and lengths are hashed too: moving a file, or text from one file to the next, is a change. */
function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = fs.readFileSync(file);
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function readJson(file) {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

/** Runs a script of a package; if it fails it has said why, and the build ends with its status. */
function run(script, args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function waitForLock() {
  while (!takeLock()) {
    if (lockIsLeftover()) fs.rmSync(LOCK, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); // sleep
  }
  process.on('exit', () => fs.rmSync(LOCK, { force: true }));
}

function takeLock() {
  try {
    fs.writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function lockIsLeftover() {
  try {
    if (Date.now() - fs.statSync(LOCK).mtimeMs > LOCK_LIMIT_MS) return true;
    const pid = Number(fs.readFileSync(LOCK, 'utf8'));
    if (pid > 0) process.kill(pid, 0); // signal 0 only asks whether the process exists; 0 is a lock still being written
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}
