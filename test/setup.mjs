// Problem: the demo, the tests and the bench need npm packages, an etcd and a PostgreSQL that a fresh checkout lacks.
// Rule: look first, install only what is missing, say what and why, and put back what was changed on the way. No
// service is started, none is enabled at boot, no default database cluster is made.
// Consequence: `npm test` works on a bare Debian machine, and a second run changes nothing. This file runs before any
// npm package exists, so it imports nothing but Node itself.
//
//   node test/setup.mjs                              look, and install what is missing
//   node test/setup.mjs --install etcd postgres      only the part that must be root
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT_ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** What each server needs: how to find it, and the Debian packages, by spaces, that bring it. */
const SERVERS = {
  etcd: {
    package: 'etcd-server',
    missing: () => (inPath('etcd') ? undefined : 'no etcd in PATH'),
    byHand: 'etcd 3.4 or newer, in PATH',
  },
  postgres: {
    package: 'postgresql',
    missing: () =>
      postgresVersions().length > 0 ? undefined : 'no PostgreSQL server, 14 or newer, in /usr/lib/postgresql',
    byHand: 'PostgreSQL 14 or newer: postgres, initdb, pg_basebackup in /usr/lib/postgresql/<version>/bin',
  },
  // Not mariadb-server, which would make a cluster of its own and start it.
  mariadb: {
    package: 'mariadb-server-core mariadb-client mariadb-backup',
    missing: () => {
      const programs = ['mariadbd', 'mariadb-install-db', 'mariadb-binlog', 'mariadb-backup'];
      const lacking = programs.filter((name) => !inPath(name) && !isProgram(join('/usr/sbin', name)));
      return lacking.length > 0 ? `no ${lacking.join(', ')} in PATH or /usr/sbin` : undefined;
    },
    byHand:
      'MariaDB 10.11: mariadbd, mariadb-install-db, mariadb-binlog, mariadb-backup in PATH or /usr/sbin',
  },
  // Its package would start one, if services were let start.
  redis: {
    package: 'redis-server',
    missing: () => (inPath('redis-server') ? undefined : 'no redis-server in PATH'),
    byHand: 'Redis 7 or newer: redis-server, in PATH',
  },
  // The example of a store that is led through a script.
  exec: {
    package: 'tarantool',
    missing: () => (inPath('tarantool') ? undefined : 'no tarantool in PATH'),
    byHand: 'Tarantool 2.6, in PATH',
  },
  // Its package would start one, if services were let start.
  haproxy: {
    package: 'haproxy',
    missing: () =>
      inPath('haproxy') || isProgram('/usr/sbin/haproxy') ? undefined : 'no haproxy in PATH or /usr/sbin',
    byHand: 'HAProxy 2.4 or newer: haproxy, in PATH or /usr/sbin',
  },
  pgbouncer: {
    package: 'pgbouncer',
    missing: () =>
      inPath('pgbouncer') || isProgram('/usr/sbin/pgbouncer')
        ? undefined
        : 'no pgbouncer in PATH or /usr/sbin',
    byHand: 'PgBouncer 1.18 or newer: pgbouncer, in PATH or /usr/sbin',
  },
  // No server either: the drivers with which examples/clients are run.
  drivers: {
    package: 'default-jdk-headless libpostgresql-jdbc-java libmariadb-java python3-psycopg2',
    missing: () => {
      const lacking = ['/usr/share/java/postgresql.jar', '/usr/share/java/mariadb-java-client.jar'].filter(
        (jar) => !existsSync(jar),
      );
      if (!inPath('javac')) lacking.push('javac');
      if (!existsSync('/usr/lib/python3/dist-packages/psycopg2')) lacking.push('psycopg2');
      return lacking.length > 0 ? `no ${lacking.join(', ')}` : undefined;
    },
    byHand: 'javac in PATH, psycopg2 for /usr/bin/python3, and the two JDBC drivers in /usr/share/java',
  },
  // With these the hooks of examples/hooks move addresses and names.
  arping: {
    package: 'iputils-arping',
    missing: () => (inPath('arping') ? undefined : 'no arping in PATH'),
    byHand: 'iputils: arping, in PATH',
  },
  dnsmasq: {
    package: 'dnsmasq-base',
    missing: () => (inPath('dnsmasq') || existsSync('/usr/sbin/dnsmasq') ? undefined : 'no dnsmasq in PATH'),
    byHand: 'dnsmasq 2.80 or newer, in PATH',
  },
  // No server, but a client of one, for the Python that Debian has.
  'python3-redis': {
    package: 'python3-redis',
    missing: () =>
      existsSync('/usr/lib/python3/dist-packages/redis') && isProgram('/usr/bin/python3')
        ? undefined
        : 'no redis in /usr/lib/python3/dist-packages',
    byHand: 'redis-py 4.1 or newer, for /usr/bin/python3',
  },
  // No servers, but what makes hosts of network namespaces and cuts them off.
  ip: {
    package: 'iproute2',
    missing: () => (inPath('ip') ? undefined : 'no ip in PATH'),
    byHand: 'iproute2: ip, in PATH',
  },
  nft: {
    package: 'nftables',
    missing: () => (inPath('nft') ? undefined : 'no nft in PATH'),
    byHand: 'nftables: nft, in PATH',
  },
  // What makes disks that fill up, crawl, hang and fail.
  nbdkit: {
    package: 'nbdkit',
    missing: () => (inPath('nbdkit') ? undefined : 'no nbdkit in PATH'),
    byHand: 'nbdkit with its filters error, pause and rate, in PATH',
  },
  nbdfuse: {
    package: 'libnbd-bin',
    missing: () => (inPath('nbdfuse') ? undefined : 'no nbdfuse in PATH'),
    byHand: 'libnbd: nbdfuse, in PATH',
  },
  fusermount3: {
    package: 'fuse3',
    missing: () => (inPath('fusermount3') ? undefined : 'no fusermount3 in PATH'),
    byHand: 'FUSE 3: fusermount3, in PATH',
  },
  // What makes clocks that step.
  faketime: {
    package: 'libfaketime',
    missing: () => (hasFakeTime() ? undefined : 'no libfaketimeMT.so.1 in /usr/lib/<architecture>/faketime'),
    byHand: 'libfaketime: libfaketimeMT.so.1 in /usr/lib/<architecture>/faketime',
  },
};

/** Files that exist only while apt-get runs; each names the process that wrote it, so that a killed run's are known. */
const WRITTEN_BY_US = /written by tanist test\/setup\.mjs, process (\d+)/;
const SIGNATURE = `# written by tanist test/setup.mjs, process ${process.pid}, while it installs packages`;
const NO_SERVICE_STARTS = {
  path: '/usr/sbin/policy-rc.d',
  text: `#!/bin/sh\n${SIGNATURE}: start no service\nexit 101\n`,
  mode: 0o755,
};
// Read through the include_dir line of createcluster.conf. A drop-in may lie there before the package does, and ucf,
// which owns createcluster.conf, does not see it.
const NO_MAIN_CLUSTER = {
  path: '/etc/postgresql-common/createcluster.d/tanist-setup.conf',
  text: `${SIGNATURE}\ncreate_main_cluster = false\n`,
  mode: 0o644,
};

/** Brings everything that is missing. Ends the process with 1 and an explanation where that is impossible. */
export async function setUp({
  servers = ['etcd', 'postgres', 'mariadb', 'redis', 'exec'],
  quiet = false,
} = {}) {
  await orExplain(async () => {
    await bringNpmPackages(quiet);
    await bringServers(servers, quiet);
  });
}

/** Whether that is something that can be brought. */
export const isServer = (name) => Object.hasOwn(SERVERS, name);

/** Compiles the project; the compiler is heard only when it complains. Answers whether it succeeded. */
export async function build() {
  const { code } = await run('npm', ['run', '--silent', 'build'], { quiet: true });
  if (code !== 0) say('build: failed');
  return code === 0;
}

/**
 * Runs a command to its end, in the project's root. Its output goes to stderr, because stdout belongs to results;
 * with `quiet` only when it fails; with `inherit` it has our own stdin, stdout and stderr; with `ownSession` the
 * terminal's signals do not reach it.
 */
export async function run(
  command,
  args,
  { quiet = false, inherit = false, ownSession = false, env = {}, onStart = () => {} } = {},
) {
  const stdio = inherit ? 'inherit' : quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2];
  const child = spawn(command, args, {
    cwd: PROJECT_ROOT,
    env: { ...process.env, ...env },
    stdio,
    detached: ownSession,
  });
  onStart(child);
  const output = [];
  child.stdout?.on('data', (chunk) => output.push(chunk));
  child.stderr?.on('data', (chunk) => output.push(chunk));
  const result = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 127, signal: null, error }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  if (result.error) say(`cannot run ${command}: ${result.error.message}`);
  if (result.code !== 0) process.stderr.write(Buffer.concat(output));
  return result;
}

/** Everything that this harness says by itself goes to stderr: stdout's last line is a result that programs read. */
export function say(message) {
  process.stderr.write(`${message}\n`);
}

class CannotSetUp extends Error {}

async function orExplain(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CannotSetUp)) throw error;
    say(`setup: ${error.message}`);
    process.exit(1);
  }
}

// --- npm packages

async function bringNpmPackages(quiet) {
  const lockFile = join(PROJECT_ROOT, 'package-lock.json');
  const stampFile = join(PROJECT_ROOT, 'node_modules', '.tanist-setup');
  const wanted = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  if (readIfThere(stampFile) === wanted) return;

  // Somebody's own `npm ci` leaves no stamp, but npm's record of what it installed.
  if (!isInstalled(lockFile)) {
    const why = existsSync(dirname(stampFile))
      ? 'node_modules is not what package-lock.json says'
      : 'there is no node_modules';
    say(`setup: npm ci, because ${why}`);
    const { code } = await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { quiet });
    if (code !== 0) throw new CannotSetUp('npm ci failed');
  }
  try {
    writeFileSync(stampFile, wanted);
  } catch {
    // somebody else's node_modules: the stamp only saves the comparison next time
  }
}

function isInstalled(lockFile) {
  const record = readIfThere(join(PROJECT_ROOT, 'node_modules', '.package-lock.json'));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  return Object.entries(JSON.parse(readFileSync(lockFile, 'utf8')).packages).every(([path, locked]) => {
    const mayBeAbsent = path === '' || locked.optional || locked.devOptional;
    return installed[path] ? installed[path].version === locked.version : mayBeAbsent;
  });
}

// --- servers

async function bringServers(servers, quiet) {
  for (const server of servers) {
    if (!SERVERS[server])
      throw new CannotSetUp(`unknown server "${server}"; known are ${Object.keys(SERVERS).join(', ')}`);
  }
  removeLeftovers();
  const missing = servers.filter((server) => SERVERS[server].missing());
  if (missing.length === 0) return;

  const reasons = missing
    .map((server) => `${SERVERS[server].package} (${SERVERS[server].missing()})`)
    .join(', ');
  if (!inPath('apt-get')) {
    const needs = missing.map((server) => `  ${SERVERS[server].byHand}`).join('\n');
    throw new CannotSetUp(`this is neither Debian nor Ubuntu (no apt-get). Please install:\n${needs}`);
  }
  if (process.getuid() !== 0 && !(await sudoWorks()))
    throw new CannotSetUp(whatToRunAsRoot(missing, reasons));

  say(`setup: installing Debian packages ${reasons}`);
  if (process.getuid() === 0) await installAsRoot(missing, quiet);
  else await installThroughSudo(missing, quiet);

  for (const server of missing) {
    const reason = SERVERS[server].missing();
    if (reason)
      throw new CannotSetUp(
        `${SERVERS[server].package} is installed, but still: ${reason}. Needed: ${SERVERS[server].byHand}`,
      );
  }
}

async function sudoWorks() {
  if (!inPath('sudo')) return false;
  const probe = spawn('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return new Promise((resolve) =>
    probe.once('error', () => resolve(false)).once('close', (code) => resolve(code === 0)),
  );
}

async function installThroughSudo(servers, quiet) {
  const { code } = await run(
    'sudo',
    ['-n', process.execPath, fileURLToPath(import.meta.url), '--install', ...servers],
    { quiet },
  );
  if (code !== 0) throw new CannotSetUp('the installation through sudo failed');
}

function whatToRunAsRoot(servers, reasons) {
  const packages = servers.map((server) => SERVERS[server].package).join(' ');
  const files = servers.includes('postgres') ? [NO_SERVICE_STARTS, NO_MAIN_CLUSTER] : [NO_SERVICE_STARTS];
  const byHand = [
    `printf '#!/bin/sh\\nexit 101\\n' > ${NO_SERVICE_STARTS.path}; chmod +x ${NO_SERVICE_STARTS.path}`,
    ...(servers.includes('postgres')
      ? [
          `mkdir -p ${dirname(NO_MAIN_CLUSTER.path)}`,
          `echo 'create_main_cluster = false' > ${NO_MAIN_CLUSTER.path}`,
        ]
      : []),
    'apt-get update',
    `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages}`,
    `rm ${files.map((file) => file.path).join(' ')}`,
    ...(servers.includes('etcd') ? ['update-rc.d etcd disable'] : []),
  ];
  return `Debian packages are missing: ${reasons}.
Installing needs root; I am not root, and sudo does not work without a password. Run:

  sudo ${process.execPath} ${fileURLToPath(import.meta.url)} --install ${servers.join(' ')}

or do by hand, as root, what that does:

${byHand.map((line) => `  ${line}`).join('\n')}`;
}

async function installAsRoot(servers, quiet) {
  removeLeftovers();
  const undo = [];
  // apt-get runs in a session of its own, where no Ctrl-C reaches it: a dpkg cut short is a machine to repair.
  let interrupted = false;
  const remember = () => {
    interrupted = true;
    say('setup: interrupted; stopping as soon as apt-get has finished');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, remember);
  try {
    undo.push(place(NO_SERVICE_STARTS));
    undo.push(place(NO_MAIN_CLUSTER));
    const packages = servers.flatMap((server) => SERVERS[server].package.split(' '));
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    let installed = hasPackageLists() && (await aptGet(install, quiet));
    if (!installed && !interrupted) {
      await aptGet(['update'], quiet);
      installed = await aptGet(install, quiet);
    }
    if (interrupted) throw new CannotSetUp('interrupted');
    if (!installed) throw new CannotSetUp(`apt-get could not install ${packages.join(', ')}`);
    // Debian enables what it installs: without this an etcd nobody asked for would run after the next boot.
    if (servers.includes('etcd')) await run('update-rc.d', ['etcd', 'disable'], { quiet: true });
  } finally {
    for (const putBack of undo.reverse()) putBack();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, remember);
  }
}

async function aptGet(args, quiet) {
  const env = {
    DEBIAN_FRONTEND: 'noninteractive',
    NEEDRESTART_SUSPEND: '1',
    APT_LISTCHANGES_FRONTEND: 'none',
  };
  const { code } = await run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    quiet,
    ownSession: true,
    env,
  });
  return code === 0;
}

/** Writes a file unless somebody else's is there; answers the function that takes it, and the folders made for it, away. */
function place({ path, text, mode }) {
  if (existsSync(path)) return () => {};
  const topmostMade = mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
  return () => {
    rmSync(path, { force: true });
    for (
      let folder = dirname(path);
      topmostMade && folder.startsWith(topmostMade);
      folder = dirname(folder)
    ) {
      try {
        rmdirSync(folder);
      } catch {
        return; // not empty: the package has put its own files there by now
      }
    }
  };
}

function removeLeftovers() {
  if (process.getuid() !== 0) return;
  for (const { path } of [NO_SERVICE_STARTS, NO_MAIN_CLUSTER]) {
    const writer = WRITTEN_BY_US.exec(readIfThere(path) ?? '')?.[1];
    if (writer !== undefined && !existsSync(`/proc/${writer}`)) rmSync(path);
  }
}

// --- looking

function hasPackageLists() {
  return (
    existsSync('/var/lib/apt/lists') &&
    readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'))
  );
}

function postgresVersions() {
  const home = '/usr/lib/postgresql';
  const programs = ['postgres', 'initdb', 'pg_basebackup'];
  const versions = existsSync(home) ? readdirSync(home) : [];
  return versions.filter(
    (version) =>
      Number(version) >= 14 && programs.every((name) => isProgram(join(home, version, 'bin', name))),
  );
}

function hasFakeTime() {
  const libraries = '/usr/lib';
  return readdirSync(libraries).some((folder) =>
    existsSync(join(libraries, folder, 'faketime', 'libfaketimeMT.so.1')),
  );
}

function inPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && isProgram(join(folder, name)));
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [option, ...servers] = process.argv.slice(2);
  if (option === undefined) await setUp();
  else if (option === '--install' && servers.length > 0 && servers.every((server) => SERVERS[server])) {
    await orExplain(() => installAsRoot(servers, false));
  } else {
    say(`usage: node test/setup.mjs [--install ${Object.keys(SERVERS).join('|')} ...]`);
    process.exitCode = 2;
  }
}
