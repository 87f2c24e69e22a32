// Problem: Debian's stable has one version of each server, and no MySQL; whoever runs newer ones needs to know that they work.
// Rule: the newest packages are laid out in a folder of their own, outside the checkout, once; nothing is installed, no root is needed,
// no script of a package runs. Their programs are made to find their own libraries there, so that they run like any others
// and look so in /proc.
// Consequence: a test that is given the folder runs on those servers; everything else on this machine goes on using its own.
//
//   node test/compat/servers.mjs            bring the folder up, unless it is there, and say where it lies
//   node test/compat/servers.mjs --anew     make it anew, of what is newest today
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync } from 'node:fs';
import { closeSync, lstatSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The one suite of Debian that has MySQL. It changes every day: the folder says what it was made of. */
const SUITE = 'sid';
const PACKAGES = [
  'mysql-server-core',
  'mysql-client',
  'postgresql-18',
  'redis-server',
  'valkey-server',
  'etcd-server',
];
const NEEDED = [...PACKAGES, 'patchelf'];
const PROGRAM_FOLDERS = ['usr/bin', 'usr/sbin', 'usr/lib/postgresql/18/bin'];
const SHOWN = [
  'usr/sbin/mysqld',
  'usr/lib/postgresql/18/bin/postgres',
  'usr/bin/redis-server',
  'usr/bin/valkey-server',
  'usr/bin/etcd',
];
/** A quarter of the whole. */
const UNUSED = ['doc', 'man', 'locale', 'i18n', 'lintian', 'info'].map((name) => `usr/share/${name}`);
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const MADE_OF = 'made-of.json';

class CannotBring extends Error {}

/** Where the folder lies: servers may run as another user, who cannot look into root's home. */
export function compatFolder(env = process.env) {
  if (env.TANIST_COMPAT_DIR) return env.TANIST_COMPAT_DIR;
  if (process.getuid() === 0) return '/var/cache/tanist-compat';
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tanist-compat');
}

/** Engines that Debian's stable has no server of: whoever wants one needs the folder. */
export const isLaidOut = (engine) => engine === 'mysql';

/** Brings the folder up unless it is there; answers its path. `say` hears what is done. */
export function bringCompatServers({ anew = false, say }) {
  const folder = compatFolder();
  const madeOf = join(folder, MADE_OF);
  const wanted = JSON.stringify(NEEDED);
  const found = existsSync(madeOf) ? JSON.parse(readFileSync(madeOf, 'utf8')) : undefined;
  if (!anew && found !== undefined && JSON.stringify(found.packages) === wanted) return folder;
  if (!existsSync('/usr/bin/apt-get') || !existsSync(KEYRING))
    throw new CannotBring('this is not Debian: apt-get and the keyring of its archive are needed');

  const startedAt = Date.now();
  const making = `${folder}.making-${process.pid}`;
  try {
    say(
      `compat: making ${folder} of Debian ${SUITE}: some 110 MB to fetch, 0.5 GB on disk, less than a minute`,
    );
    mkdirSync(making, { recursive: true, mode: 0o755 });
    const packages = join(making, '.packages');
    fetchPackages(packages);
    const archives = join(packages, 'cache', 'archives');
    for (const name of readdirSync(archives).filter((name) => name.endsWith('.deb')))
      run('dpkg-deb', ['-x', join(archives, name), making]);
    for (const path of [packages, ...UNUSED.map((name) => join(making, name))])
      rmSync(path, { recursive: true, force: true });
    makeAtHome(making, folder);
    writeFileSync(join(making, MADE_OF), `${JSON.stringify({ packages: NEEDED, suite: SUITE }, null, 2)}\n`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  const versions = SHOWN.map((program) => run(join(folder, program), ['--version']).split('\n')[0]);
  say(`compat: made in ${Math.round((Date.now() - startedAt) / 1000)} s: ${versions.join('; ')}`);
  return folder;
}

/** With all that they depend on, as if nothing were installed. */
function fetchPackages(folder) {
  for (const name of ['lists/partial', 'cache/archives/partial', 'etc/preferences.d'])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror()} ${SUITE} main\n`);
  const options = {
    'Dir::State': folder,
    'Dir::State::status': join(folder, 'status'),
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc': join(folder, 'etc'),
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Parts': '/dev/null',
    'APT::Sandbox::User': '',
    'APT::Install-Recommends': 'false',
    // A snapshot of the archive may be older than its own word.
    'Acquire::Check-Valid-Until': 'false',
  };
  const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run('apt-get', [...given, 'update']);
  run('apt-get', [...given, 'install', '--yes', '--download-only', ...NEEDED]);
}

/** Where this machine has its own packages from. */
function mirror() {
  const format = ['--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages'];
  const lines = run('apt-get', ['indextargets', ...format]).split('\n');
  const uri = lines.find((line) => line.startsWith('Debian '))?.slice('Debian '.length);
  if (uri === undefined) throw new CannotBring('nothing of Debian is among the sources of apt-get');
  return uri;
}

/** Programs carry the path of the loader, and where it looks for libraries: both become those of the folder. */
function makeAtHome(making, folder) {
  const triplet = readdirSync(join(making, 'usr/lib')).find((name) =>
    loaderIn(join(making, 'usr/lib', name)),
  );
  if (triplet === undefined) throw new CannotBring('the packages hold no loader');
  const libraries = join(making, 'usr/lib', triplet);
  const loader = loaderIn(libraries);
  const own = join(folder, 'usr/lib', triplet);
  const patchelf = join(making, 'usr/bin/patchelf');
  const patch = (...args) => run(join(libraries, loader), ['--library-path', libraries, patchelf, ...args]);
  for (const program of PROGRAM_FOLDERS.flatMap((name) => programsIn(join(making, name)))) {
    // It runs itself meanwhile.
    if (program === patchelf || isStatic(patch, program)) continue;
    patch('--set-interpreter', join(own, loader), '--force-rpath', '--set-rpath', own, program);
  }
}

function loaderIn(libraries) {
  if (!statSync(libraries).isDirectory()) return undefined;
  return readdirSync(libraries).find((name) => /^ld-linux.*\.so\.\d+$/.test(name));
}

function programsIn(folder) {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path).isFile() && isElf(path));
}

function isElf(path) {
  const head = Buffer.alloc(4);
  const file = openSync(path, 'r');
  readSync(file, head, 0, 4, 0);
  closeSync(file);
  return head.toString('latin1') === '\x7fELF';
}

function isStatic(patch, program) {
  try {
    return patch('--print-interpreter', program).trim() === '';
  } catch {
    return true;
  }
}

function run(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw new CannotBring(`${command} ${args.join(' ')}: ${error.stderr || error.message}`);
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const anew = process.argv.includes('--anew');
    process.stdout.write(
      `${bringCompatServers({ anew, say: (text) => process.stderr.write(`${text}\n`) })}\n`,
    );
  } catch (error) {
    if (!(error instanceof CannotBring)) throw error;
    process.stderr.write(`compat: ${error.message}\n`);
    process.exitCode = 1;
  }
}
