/**
 * Another member's data is cloned beside whatever lies here already (CLONE, a plugin of the server). Who clones is a server of the agent's own, so that it
 * takes nothing of this member's: neither that its server runs, nor rights, nor settings of it. Then one is started on the copy, alone, which recovers
 * it: it tells where the copy stands in the history, and forgets whom the source followed. It may be ended at any moment: what it leaves is worth
 * nothing, and is never taken for a copy.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { since } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { give } from '#common/durable-files.js';
import type { CopySource } from '#agent/ports/engine.js';
import type { Connection } from '#agent/engines/mysql-family/connection.js';
import { requireRoom } from '#agent/engines/mysql-family/copy-place.js';
import { readIdentity, readOpenings } from '#agent/engines/mysql-family/marks.js';
import type { Copy, Told } from '#agent/engines/mysql-family/reclone.js';
import { CLONE_THREADS } from '#agent/engines/mysql/give-room.js';
import { readLine } from '#agent/engines/mysql/marks.js';
import { type DataFormat, initialize, withPrivateServer } from '#agent/engines/mysql/private-server.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { readSet } from '#agent/engines/mysql/status.js';

const LOOK_EVERY_MS = 200;
/** Of servers that nobody waits for, on a machine that has other work. */
const ASK_WITHIN_MS = 60_000;
/** Of the source: it gives to somebody else (ER_CLONE_TOO_MANY_CONCURRENT_CLONES), or has no connection left (ER_CON_COUNT_ERROR). */
const BUSY = /Clone Donor Error: (3634\b|Connect failed: 1040\b)/;
const AGAIN_AFTER_MS = 500;
const ROOM_WITHIN_MS = 5_000;
/** Nothing comes for so long: whether anything can is asked again. */
const ASK_AGAIN_AFTER_MS = 15_000;
/** Nothing comes for so long. */
const STALLED_AFTER_MS = 30 * 60_000;

/** Throws RECLONE_IMPOSSIBLE where another try would end the same, and others where it may not. */
export async function takeCopy(
  server: Server,
  source: PlanMember,
  format: DataFormat,
  told: Told,
  bounds: Bounds,
): Promise<Copy<MysqlPosition>> {
  // A folder of its own for each attempt: an agent that was killed may have left a program that still writes.
  await rm(server.copyDir, { recursive: true, force: true, maxRetries: 3 });
  await mkdir(server.copyDir, { recursive: true, mode: 0o700 });
  await give(server.copyDir, await server.owner());
  const beside = await mkdtemp(join(server.copyDir, 'copy-'));
  await give(beside, await server.owner());
  const [helper, folder] = [join(beside, 'helper'), join(beside, 'data')];
  await initialize(server, helper, format, bounds);
  const cloning = [
    ...format,
    ...['--performance-schema=ON', '--plugin-load-add=mysql_clone.so'],
    `--loose-clone-max-concurrency=${CLONE_THREADS}`,
  ];
  await withPrivateServer(server, helper, cloning, bounds, ({ connections: { work, watch } }) =>
    clone(server, source, folder, { work, watch }, told, bounds),
  );
  await rm(helper, { recursive: true, force: true });
  // Its accounts are the source's, which may not let the agent in here.
  const alone = [...format, '--performance-schema=OFF', '--skip-grant-tables'];
  const at = await withPrivateServer(server, folder, alone, bounds, async ({ connections: { work } }) => {
    await requireWhole(work, source);
    await work.query('reset replica all', { timeoutMs: ASK_WITHIN_MS });
    return whereItStands(work);
  });
  // The source's identifier is not in it: the server has one of its own from here on.
  await rm(join(folder, '#clone'), { recursive: true, force: true });
  return { folder, at };
}

async function clone(
  { config: { replication }, copyDir, copySource, now }: Server,
  source: PlanMember,
  folder: string,
  { work, watch }: { readonly work: Connection; readonly watch: Connection },
  told: Told,
  bounds: Bounds,
): Promise<void> {
  const { databaseHost, databasePort } = source;
  await work.query('set global clone_valid_donor_list = ?', {
    values: [`${databaseHost}:${databasePort}`],
    timeoutMs: ASK_WITHIN_MS,
  });
  // Encrypted where the source can; and nothing else than encrypted where replication is.
  const encrypted = /source_ssl\s*=\s*1/i.test(replication.options) ? 'require ssl' : '';
  let hasEnded = false;
  /** Answers whether it was given: a source gives one at a time, and needs connections for it. */
  const askOnce = async (): Promise<boolean> => {
    await askForRoom(copySource, source);
    return work
      .query(`clone instance from ?@?:${databasePort} identified by ? data directory = ? ${encrypted}`, {
        values: [replication.user, databaseHost, replication.password ?? '', folder],
        timeoutMs: bounds.left(),
      })
      .then(
        () => true,
        (because: unknown) => {
          if (BUSY.test(String(because))) return false;
          throw refusalOf(source, because);
        },
      );
  };
  const askInTurn = async (): Promise<void> => {
    if (!(await bounds.until(askOnce, AGAIN_AFTER_MS)))
      throw new TanistError(
        'ENGINE_FAILED',
        `${source.name} gave copies to others, or had no connection left, until time was up`,
      );
  };
  const cloned = askInTurn().finally(() => (hasEnded = true));
  cloned.catch(() => undefined); // looked at below
  let [sign, movedAt, askedAt] = ['', now(), now()];
  const isOver = async (): Promise<boolean> => {
    if (hasEnded) return true;
    const { done, total, sign: seen } = await progressOf(watch);
    if (seen !== sign) [sign, movedAt, askedAt] = [seen, now(), now()];
    // Commits may have begun to wait for this very copy meanwhile.
    if (since(askedAt, now()) > ASK_AGAIN_AFTER_MS) {
      askedAt = now();
      await askForRoom(copySource, source);
    }
    if (since(movedAt, now()) > STALLED_AFTER_MS)
      throw new TanistError('ENGINE_FAILED', 'nothing has come for half an hour');
    told(done, total);
    await requireRoom(copyDir, source, total);
    return false;
  };
  if (!(await bounds.until(isOver, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'it took longer than it may');
  await cloned;
}

/** Of the agent there: throws COPY_UNAVAILABLE where that has none to give. One that does not answer gives none, and CLONE may do without. */
async function askForRoom(copySource: CopySource, { name, agentAddress }: PlanMember): Promise<void> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), ROOM_WITHIN_MS);
  try {
    const answer = await copySource.fetch(agentAddress, over.signal).catch(() => undefined);
    if (answer?.kind === 'refused')
      throw new TanistError(
        'COPY_UNAVAILABLE',
        `${name} cannot be cloned: ${answer.text}`,
        'it is tried again; commits that wait for nobody else go on once the policy says durability: available',
      );
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Of the account, or of the plugin that is not there: what nobody but an administrator mends. */
function refusalOf({ name }: PlanMember, because: unknown): TanistError {
  const text = because instanceof Error ? because.message : String(because);
  return new TanistError(
    'COPY_UNAVAILABLE',
    `${name} cannot be cloned: ${text}`,
    'its server needs the plugin clone, and the account that replicates the right BACKUP_ADMIN',
  );
}

interface Progress {
  readonly done: number;
  readonly total: number;
  /** Changes as long as something comes. */
  readonly sign: string;
}

async function progressOf(watch: Connection): Promise<Progress> {
  const rows = await watch.query<{ stage: string; state: string; data: bigint; total: bigint }>(
    'select stage, state, data, estimate as total from performance_schema.clone_progress',
    { timeoutMs: ASK_WITHIN_MS },
  );
  const sum = (of: 'data' | 'total'): number => rows.reduce((all, row) => all + Number(row[of]), 0);
  const sign = rows.map(({ stage, state, data }) => `${stage} ${state} ${data}`).join();
  return { done: sum('data'), total: sum('total'), sign };
}

const FOREIGN = `
  select concat(table_schema, '.', table_name) as name, engine as engine from information_schema.tables
  where table_type = 'BASE TABLE' and engine not in ('InnoDB', 'PERFORMANCE_SCHEMA', 'BLACKHOLE', 'FEDERATED')
    and table_schema not in ('mysql', 'sys', 'information_schema', 'performance_schema') order by name limit 5`;

/** CLONE copies what InnoDB keeps; other tables are there by name, and empty. */
async function requireWhole(copy: Connection, { name }: PlanMember): Promise<void> {
  const tables = await copy.query<{ name: string; engine: string }>(FOREIGN, { timeoutMs: ASK_WITHIN_MS });
  if (tables.length === 0) return;
  throw new TanistError(
    'RECLONE_IMPOSSIBLE',
    `a copy of ${name} lacks the rows of ${tables.map((table) => `${table.name} (${table.engine})`).join(', ')}`,
    'on the leader: alter table … engine = InnoDB',
  );
}

async function whereItStands(copy: Connection): Promise<MysqlPosition> {
  const [row] = await copy.query<{ executed: string }>('select @@global.gtid_executed as executed', {
    timeoutMs: ASK_WITHIN_MS,
  });
  const dataId = await readIdentity(copy, ASK_WITHIN_MS);
  if (row === undefined || dataId === undefined)
    throw new TanistError(
      'ENGINE_FAILED',
      'the copy does not tell which data it is: it has no schema tanist',
    );
  const { marks, lines } = await readOpenings(copy, readLine, ASK_WITHIN_MS);
  return { engine: 'mysql', dataId, gtids: readSet(row.executed), lines, marks };
}
