/**
 * Gives another member a copy of this server's data: mariadb-backup has to run beside the server, since it reads its files. Where the copy stands
 * in the log is asked of the server by file and offset; what the program itself says leaves out what other servers wrote into this log.
 *
 * For an instant at the end every commit here waits until the program is done (commit-block.ts). It must not be the asker that it waits for: what comes
 * then is taken from it at once, whatever becomes of it. Nor may others come before it: it runs at the priority of all others, since a patient one
 * stopped writes for 2.3 s on a busy machine.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type MariadbPosition, parseGtids } from '#core/positions/mariadb.js';
import { watchCommitBlock } from '#agent/engines/mariadb/commit-block.js';
import { openSession, type OwnSession } from '#agent/engines/mariadb/connection.js';
import { sizeOfData } from '#agent/engines/mariadb/data-size.js';
import { readPosition } from '#agent/engines/mariadb/position.js';
import { argumentsOf } from '#agent/engines/mysql-family/processes.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus } from '#agent/engines/mariadb/status.js';
import type { CopyAnswer, CopyPiece } from '#agent/ports/engine.js';

const ASK_WITHIN_MS = 5_000;
/** How often it looks for more log; commits wait until it has looked once more. It would be 1 s. */
const LOG_LOOK_MS = 10;
/** So much may wait for the asker; and so much while commits wait for the program. */
const MOST_WAITING = { ordinarily: 4 << 20, blocking: 256 << 20 };
const PHASES = /Starting BACKUP STAGE BLOCK_COMMIT|All tables unlocked/g;
const STANDS_AT = /binlog position: filename '([^']+)', position '(\d+)'/;
const LAST_WORDS = 8192;

/** One at a time. `blockMs`: how long it may stop writes. */
export function createCopyGiver(
  server: Server,
  blockMs: () => number,
): (over: AbortSignal) => Promise<CopyAnswer> {
  let isGiving = false;
  return async (over) => {
    if (isGiving) return { kind: 'refused', text: 'another copy of this data is being made' };
    isGiving = true;
    let session: OwnSession | undefined;
    try {
      const from = await whereItStands(server);
      const bytes = await sizeOfData(server.dataDir);
      session = await openSession(server.config, ASK_WITHIN_MS);
      const { cut } = session;
      const program = startBackup(server, session, blockMs(), over);
      const end = (): void => {
        isGiving = false;
        cut();
      };
      program.ended.then(end, end);
      server.log('info', 'COPY_GIVEN', { bytes });
      return { kind: 'copy', bytes, pieces: piecesOf(server, program, from) };
    } catch (error) {
      isGiving = false;
      session?.cut();
      return { kind: 'refused', text: error instanceof Error ? error.message : String(error) };
    }
  };
}

/** What is told of it now will be in the copy, too. */
async function whereItStands(server: Server): Promise<MariadbPosition> {
  const answer = await server.connection.connect(ASK_WITHIN_MS);
  if (answer.kind !== 'ready') throw new Error(answer.text);
  const { closed, source } = await readStatus(server, ASK_WITHIN_MS);
  if (closed && source?.streaming !== true)
    throw new Error(
      'this server neither accepts writes nor receives them: its history may not be the one to copy',
    );
  return readPosition(server, ASK_WITHIN_MS);
}

interface Backup {
  /** All that it writes. */
  readonly output: AsyncGenerator<Buffer, void, void>;
  /** The newest of what it has said. */
  said(): string;
  /** Why it was ended from here. */
  givenUp(): string | undefined;
  kill(): void;
  /** Rejects where it could not be started. */
  readonly ended: Promise<number | null>;
}

function startBackup(server: Server, session: OwnSession, blockMs: number, over: AbortSignal): Backup {
  const { config, dataDir } = server;
  const main = server.findMain();
  if (main === undefined) throw new Error('the server does not run');
  const { host, port, socket, user, password } = config;
  const where =
    socket === undefined ? ['--protocol=tcp', `--host=${host}`, `--port=${port}`] : [`--socket=${socket}`];
  const program = server.tool('mariadb-backup');
  const options = [
    // Its own files tell of keys, plugins and places.
    ...argumentsOf(main).filter((option) => /^--(no-)?defaults/.test(option)),
    ...['--backup', '--stream=mbstream', `--log-copy-interval=${LOG_LOOK_MS}`],
    ...[`--datadir=${dataDir}`, ...where, `--user=${user}`],
  ];
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(program, options, {
    cwd: server.stateDir,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...(password !== undefined && { MYSQL_PWD: password }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  const output = collect(child.stdout, kill);
  let said = '';
  let givenUp: string | undefined;
  const block = watchCommitBlock(server, session, blockMs, (why) => {
    givenUp ??= why;
    kill();
  });
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    said = (said + text).slice(-LAST_WORDS);
    const isBlocking = said.match(PHASES)?.at(-1)?.startsWith('Starting') === true;
    output.setBlocking(isBlocking);
    block.set(isBlocking);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      block.set(false);
      resolve(code);
    });
  });
  ended.catch(() => undefined); // told to whoever takes the pieces
  over.addEventListener('abort', kill, { once: true });
  if (over.aborted) kill();
  return { ...{ output: output.read(), kill, ended }, said: () => said, givenUp: () => givenUp };
}

async function* piecesOf(
  server: Server,
  backup: Backup,
  from: MariadbPosition,
): AsyncGenerator<CopyPiece, void, void> {
  try {
    for await (const data of backup.output) yield { kind: 'data', data };
    const code = await backup.ended;
    const [, file, offset] = STANDS_AT.exec(backup.said()) ?? [];
    if (code !== 0 || file === undefined || offset === undefined)
      throw new Error(
        `mariadb-backup failed: ${backup.givenUp() ?? (lastLines(backup.said()) || `code ${String(code)}`)}`,
      );
    yield { kind: 'end', at: { ...from, gtids: await gtidsAt(server, file, Number(offset)) } };
  } finally {
    backup.kill();
  }
}

interface Output {
  /** Whether commits wait for the program. */
  setBlocking(isBlocking: boolean): void;
  read(): AsyncGenerator<Buffer, void, void>;
}

/** No faster than it is taken, but while commits wait. Listens from now on: what ends before anybody reads has ended for its reader, too. */
function collect(stdout: Readable, kill: () => void): Output {
  const waiting: Buffer[] = [];
  const state = { bytes: 0, blocks: false, isOver: false, wake: (): void => undefined };
  stdout.on('data', (data: Buffer) => {
    waiting.push(data);
    state.bytes += data.length;
    if (state.bytes > MOST_WAITING.ordinarily && !state.blocks) stdout.pause();
    if (state.bytes > MOST_WAITING.blocking) kill();
    state.wake();
  });
  for (const sign of ['end', 'error', 'close'] as const)
    stdout.once(sign, () => {
      state.isOver = true;
      state.wake();
    });
  return {
    setBlocking(isBlocking) {
      state.blocks = isBlocking;
      if (isBlocking) stdout.resume();
    },
    async *read() {
      for (;;) {
        const data = waiting.shift();
        if (data !== undefined) {
          state.bytes -= data.length;
          yield data;
        } else if (state.isOver) return;
        else {
          stdout.resume();
          await new Promise<void>((resolve) => (state.wake = resolve));
        }
      }
    },
  };
}

async function gtidsAt(
  { connection }: Server,
  file: string,
  offset: number,
): Promise<MariadbPosition['gtids']> {
  const [row] = await connection.query<{ at: string | null }>('select binlog_gtid_pos(?, ?) as at', {
    values: [file, offset],
    timeoutMs: ASK_WITHIN_MS,
  });
  const gtids = row?.at === undefined || row.at === null ? undefined : parseGtids(row.at);
  if (gtids === undefined) throw new Error(`nothing tells where ${file} stood at ${offset}`);
  return gtids;
}

const lastLines = (said: string): string => said.trim().split('\n').slice(-3).join(' / ');
