/**
 * Salvage comes before anything is destroyed (DESIGN 8). What only this member has are the commands in its backlog behind the place where its line
 * leaves the leader's history: they are saved as a stream that can be replayed, and as rows that can be read. Where the backlog does not go
 * back so far, or nothing tells where the two parted, all of the data is saved. `salvage.json` is written last, durably: a folder without one
 * was interrupted, and is made again.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { ProvedOpening } from '#core/plan.js';
import { formatPosition, ofEngine } from '#core/position.js';
import { type LineagePosition, UNKNOWN } from '#core/positions/lineage.js';
import { RECORD_FILE, ROWS_FILE, type SalvageRecord } from '#core/salvage.js';
import { type Bounds, Interrupted } from '#agent/engines/bounds.js';
import { syncFolder, writeDurably } from '#common/durable-files.js';
import { newestSalvage, summaryOf } from '#agent/engines/newest-salvage.js';
import { partedAt } from '#agent/engines/redis/parted.js';
import { knownPlaces, learnPlaces } from '#agent/engines/redis/places.js';
import { readLog } from '#agent/engines/redis/read-log.js';
import { type Saved, savedFrom } from '#agent/engines/redis/salvaged-commands.js';
import type { Server } from '#agent/engines/redis/server.js';
import { withStandIn } from '#agent/engines/redis/stand-in.js';
import { fieldsOf } from '#agent/engines/redis/status.js';

const STREAM_FILE = 'commands.resp';
const DATA_FILE = 'data.rdb';
const LOOK_EVERY_MS = 20;

type Contents = Omit<SalvageRecord, 'name' | 'member' | 'dataId' | 'epoch' | 'leader'>;

/** Of a sealed server. */
export async function salvage(
  server: Server,
  own: LineagePosition,
  openings: readonly ProvedOpening[],
  bounds: Bounds,
): Promise<void> {
  await inFolder(server, { ...own, place: placeOf(own) }, openings, async (folder) => {
    try {
      return await saveCommands(server, own, openings, folder, bounds);
    } catch (error) {
      if (!(error instanceof TanistError) || error.code !== 'TAIL_UNAVAILABLE') throw error;
      return saveData(server, own, folder, error.detail, bounds);
    }
  });
}

/** All of the data, because nothing tells what of it the leader lacks. */
export async function saveAll(
  server: Server,
  own: LineagePosition,
  openings: readonly ProvedOpening[],
  bounds: Bounds,
): Promise<void> {
  const because = 'it came up from a file, and nothing tells how far along its line that goes';
  await inFolder(server, { ...own, place: placeOf(own) }, openings, (folder) =>
    saveData(server, own, folder, because, bounds),
  );
}

/** The files that the data is kept in, as they are: its server cannot load them, or is not there. They are moved, for a copy takes their place. */
export async function putAside(server: Server, openings: readonly ProvedOpening[]): Promise<void> {
  const places = knownPlaces(server);
  if (places === undefined)
    throw new TanistError('RECLONE_IMPOSSIBLE', 'it is not known which files the data is kept in');
  const files = places.data.filter((file) => existsSync(join(server.dataDir, file)));
  if (files.length === 0) return;
  const dataId = openings.at(-1)?.position.dataId ?? '';
  await inFolder(server, { dataId, place: `files-${randomUUID().slice(0, 8)}` }, openings, async (folder) => {
    for (const file of files) await rename(join(server.dataDir, file), join(folder, file));
    await syncFolder(server.dataDir);
    await write(join(folder, ROWS_FILE), []);
    return {
      ...{ from: 'not known', to: 'not known', bytes: 0 },
      transactions: { count: 0, first: null, last: null },
      ...{ tables: [], identifiers: {}, statements: {}, files },
      notes: [
        `which of its writes its leader lacks is not known: its server could not load its data, or was not there. All files of it are here: ${files.join(', ')}`,
      ],
    };
  });
}

const placeOf = ({ line, at }: LineagePosition): string =>
  `${line.slice(0, 8)}-${at === UNKNOWN ? 'unknown' : String(at)}`;

/** Named by where the log ends: a log that has grown since is another one. */
async function inFolder(
  server: Server,
  own: { readonly dataId: string; readonly place: string },
  openings: readonly ProvedOpening[],
  save: (folder: string) => Promise<Contents>,
): Promise<void> {
  const opening = openings.at(-1);
  const name = `${String(opening?.epoch ?? 0)}-${own.place}`;
  const folder = join(server.stateDir, 'salvage', name);
  if (existsSync(join(folder, RECORD_FILE))) {
    server.salvaged = newestSalvage(server.stateDir);
    return;
  }
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const contents = await save(folder);
    const record: SalvageRecord = {
      ...{ name, member: server.member, dataId: own.dataId },
      ...{ epoch: Number(opening?.epoch ?? 0n), leader: opening?.leader ?? '' },
      ...contents,
    };
    for (const each of [folder, dirname(folder), server.stateDir]) await syncFolder(each);
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await writeDurably(join(folder, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`, owner);
    server.salvaged = summaryOf(record);
    const { from, to, bytes, transactions } = record;
    server.log('warn', 'LOG_SALVAGED', { folder, bytes, from, to, transactions: transactions.count });
  } catch (error) {
    if (error instanceof TanistError || error instanceof Interrupted) throw error;
    throw new TanistError(
      'SALVAGE_FAILED',
      `its own writes could not be saved in ${folder}: ${String(error)}`,
    );
  }
}

async function saveCommands(
  server: Server,
  own: LineagePosition,
  openings: readonly ProvedOpening[],
  folder: string,
  bounds: Bounds,
): Promise<Contents> {
  const newest = openings.at(-1);
  const parted = newest === undefined ? undefined : partedAt(own, ofEngine(newest.position, 'redis'));
  if (parted === undefined || own.at === UNKNOWN)
    throw new TanistError('TAIL_UNAVAILABLE', 'where it left the history of its leader is not known');
  const nothing = { line: own.line, bytes: Buffer.alloc(0) };
  const stretch = { line: parted.line, after: parted.end, upTo: own.at };
  const { bytes, before } = await withStandIn(server, nothing, bounds, async () => ({
    bytes: await readLog(server.config, stretch, bounds),
    before: await readBefore(server, parted, bounds),
  }));
  const saved = savedFrom(bytes, before);
  await write(join(folder, STREAM_FILE), [saved.stream]);
  await write(
    join(folder, ROWS_FILE),
    saved.rows.map((row) => `${JSON.stringify(row)}\n`),
  );
  return {
    ...{ from: formatPosition({ ...own, line: parted.line, at: parted.end }), to: formatPosition(own) },
    bytes: bytes.length,
    transactions: { count: saved.transactions, first: null, last: null },
    ...{ tables: saved.tables, identifiers: {}, notes: notesOf(saved) },
    ...{ statements: { redis: STREAM_FILE }, files: [STREAM_FILE] },
  };
}

const notesOf = ({ tables, databaseKnown }: Saved): readonly string[] => [
  ...(databaseKnown || tables.length === 0
    ? []
    : [
        'the backlog does not tell which database the first commands were for: they are taken for those of database 0',
      ]),
  ...(tables.length === 0 ? [] : [`replay with: redis-cli --pipe < ${STREAM_FILE}`]),
];

/** From as far back as the backlog goes, for the database that was selected; what is not there is not there. */
async function readBefore(
  server: Server,
  { line, end }: { readonly line: string; readonly end: bigint },
  bounds: Bounds,
): Promise<Buffer> {
  const info = fieldsOf(String(await server.connection.send(['INFO', 'replication'], bounds.left())));
  const first = BigInt(info.get('repl_backlog_first_byte_offset') ?? '0');
  if (first <= 0n || first > end) return Buffer.alloc(0);
  return readLog(server.config, { line, after: first - 1n, upTo: end }, bounds).catch(() => Buffer.alloc(0));
}

async function saveData(
  server: Server,
  own: LineagePosition,
  folder: string,
  because: string,
  bounds: Bounds,
): Promise<Contents> {
  const { connection, dataDir } = server;
  const persistence = async (): Promise<ReadonlyMap<string, string>> =>
    fieldsOf(String(await connection.send(['INFO', 'persistence'], bounds.left() + 1_000)));
  const isIdle = async (): Promise<boolean> => (await persistence()).get('rdb_bgsave_in_progress') === '0';
  const { data } = await learnPlaces(server, bounds.left());
  // One that is under way may have begun before the server was closed.
  await bounds.until(isIdle, LOOK_EVERY_MS);
  await connection.send(['BGSAVE', 'SCHEDULE'], bounds.left());
  const isSaved = async (): Promise<boolean> => {
    const told = await persistence();
    return told.get('rdb_bgsave_in_progress') === '0' && told.get('rdb_changes_since_last_save') === '0';
  };
  const isDone = await bounds.until(isSaved, LOOK_EVERY_MS);
  if (!isDone || (await persistence()).get('rdb_last_bgsave_status') !== 'ok')
    throw new TanistError('SALVAGE_FAILED', 'its data could not be saved: BGSAVE did not succeed');
  await copyFile(join(dataDir, data[0] ?? 'dump.rdb'), join(folder, DATA_FILE));
  await write(join(folder, ROWS_FILE), []);
  const copied = await open(join(folder, DATA_FILE), 'r');
  const { size } = await copied.stat();
  await copied.sync();
  await copied.close();
  return {
    ...{ from: 'not known', to: formatPosition(own), bytes: size },
    transactions: { count: 0, first: null, last: null },
    ...{ tables: [], identifiers: {}, statements: {}, files: [DATA_FILE] },
    notes: [
      `which of its writes its leader lacks is not known: ${because}. All of its data is in ${DATA_FILE}`,
    ],
  };
}

async function write(path: string, pieces: readonly (string | Buffer)[]): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    for (const piece of pieces) await file.appendFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}
