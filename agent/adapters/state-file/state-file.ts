/**
 * The agent's durable memory (rule E5): one JSON file that a person can read. It is never changed in place: the new content goes to
 * a file beside it, is fsynced, takes the old one's name, and the folder is fsynced; so after a crash at any point the file
 * is the old one or the new one. The old one stays, as the spare into which the next content goes: what is written over takes no new
 * room, so a full disk still takes "fenced". A checksum tells a file that rotted or was edited from one that was written here: an epoch
 * lowered by hand would undo promises that were given to others. One that cannot be used is never written over, but put aside.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { TanistError } from '#core/errors.js';
import type { Durable, Found, StateFile } from '#agent/ports/state-file.js';
import { takeLock } from '#agent/adapters/state-file/lock.js';
import { decodeJson, encodeJson, epochSchema, orNull, planSchema } from '#proto/codec/json.js';

export interface OpenStateFile extends StateFile {
  /** Lets another agent use the folder. */
  close(): Promise<void>;
}

const FORMAT = 2;
/** Of the file systems whose spare helps. */
const BLOCK_BYTES = 4096;
/** By how much the content may grow and still fit into the spare; a failover adds an opening to the plan. */
const GROWTH_BYTES = 4096;
/** What a disk says that is only full: there the spare is all there is. */
const IS_FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);

const durableSchema = z
  .strictObject({
    cluster: z.string(),
    member: z.string(),
    identity: z.string().min(1),
    hostId: orNull(z.string()),
    dataId: z.string(),
    copyId: orNull(z.string()),
    highestEpoch: epochSchema,
    plan: orNull(planSchema),
    sealedEpoch: epochSchema,
    fencedEpoch: epochSchema,
    openedEpoch: epochSchema,
    openingEpoch: epochSchema,
    releasedEpoch: epochSchema,
    recloned: orNull(z.string()).prefault(null),
  })
  .readonly();

const envelopeSchema = z.strictObject({
  format: z.int(),
  checksum: z.string(),
  state: z.unknown(),
});

/** Makes `folder` if only its parent exists. Rejects with NAME_TAKEN while another agent uses it. */
export async function openStateFile(folder: string): Promise<OpenStateFile> {
  await makeFolder(folder);
  const file = path.join(folder, 'state.json');
  const lock = await takeLock(folder).catch((error: unknown) => {
    throw asRefusal(file, error);
  });
  let lastWrite: Promise<void> = Promise.resolve();

  return {
    async read() {
      const text = await readIfThere(file);
      return text === undefined ? { kind: 'nothing', isLost: !lock.isFirst } : parse(text);
    },
    async putAside() {
      await lastWrite.catch(() => undefined);
      return putAside(file);
    },
    /** One at a time, in the order of the calls: two at once would share the file beside. */
    async write(durable) {
      const text = format(durable);
      lastWrite = lastWrite
        .catch(() => undefined)
        .then(() => replace(file, text))
        .catch((error: unknown) => {
          throw asRefusal(file, error);
        });
      await lastWrite;
    },
    async close() {
      await lastWrite.catch(() => undefined);
      await lock.release();
    },
  };
}

function format(durable: Durable): string {
  const state: unknown = JSON.parse(encodeJson('state', durableSchema, durable));
  return JSON.stringify({ format: FORMAT, checksum: checksumOf(state), state }, undefined, 2);
}

function parse(text: string): Found {
  let envelope: z.output<typeof envelopeSchema>;
  try {
    envelope = decodeJson('state file', envelopeSchema, text);
  } catch (error) {
    return { kind: 'torn', text: (error as Error).message };
  }
  const { format: written, checksum, state } = envelope;
  if (checksum !== checksumOf(state)) return { kind: 'torn', text: 'its checksum does not fit its content' };
  // From here on it is what an agent wrote: promises that this version cannot read are promises all the same.
  if (written !== FORMAT) return { kind: 'unknown', text: `its format is ${written}, not ${FORMAT}` };
  try {
    return { kind: 'whole', durable: decodeJson('state', durableSchema, JSON.stringify(state)) };
  } catch (error) {
    return { kind: 'unknown', text: (error as Error).message };
  }
}

/** Of the content, not of its layout: JSON.stringify writes what JSON.parse read in the same order. */
function checksumOf(state: unknown): string {
  return createHash('sha256').update(JSON.stringify({ state })).digest('hex');
}

async function replace(file: string, text: string): Promise<void> {
  const spare = `${file}.spare`;
  const before = `${file}.before`;
  try {
    await fillSpare(spare, file, text);
    await rm(before, { force: true }); // a crash may have left it
    const isFirst = !(await linkIfThere(file, before));
    await rename(spare, file);
    if (!isFirst) await rename(before, spare);
    await syncFolder(path.dirname(file));
  } catch (error) {
    // Perhaps only these blocks of the disk are bad.
    if (!IS_FULL.has((error as NodeJS.ErrnoException).code))
      await rm(spare, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Written over from its beginning, and never made shorter: what it occupies it keeps. */
async function fillSpare(spare: string, file: string, text: string): Promise<void> {
  const handle = await openSpare(spare, file);
  try {
    const needed = Buffer.byteLength(text) + GROWTH_BYTES;
    const bytes = Buffer.alloc(
      Math.max((await handle.stat()).size, Math.ceil(needed / BLOCK_BYTES) * BLOCK_BYTES),
      ' ', // which JSON does not mind
    );
    bytes.write(text);
    bytes.write('\n', bytes.length - 1);
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Never the file itself: a crash may have left it with two names. */
async function openSpare(spare: string, file: string): Promise<FileHandle> {
  const [a, b] = await Promise.all([inodeOf(spare), inodeOf(file)]);
  if (a !== undefined && a === b) await unlink(spare);
  return open(spare, constants.O_RDWR | constants.O_CREAT, 0o600);
}

async function inodeOf(file: string): Promise<bigint | undefined> {
  try {
    return (await stat(file, { bigint: true })).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** False: there is none. */
async function linkIfThere(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** What the system refuses is no mistake of ours, and may pass; anything else is. */
function asRefusal(file: string, error: unknown): unknown {
  const isSystems = error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;
  return isSystems ? new TanistError('STATE_UNWRITABLE', `${file}: ${error.message}`) : error;
}

/** `state.json.old-1`, or the next number that is free. */
async function putAside(file: string): Promise<string | undefined> {
  for (let number = 1; ; number++) {
    const aside = `${file}.old-${number}`;
    try {
      await link(file, aside); // unlike rename, takes no name that is taken
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      if (code === 'EEXIST') continue;
      throw error;
    }
    await unlink(file);
    await syncFolder(path.dirname(file));
    return aside;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Never the folders above: where one is missing the volume is not mounted, and an empty memory would be taken for a new member's. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
    await syncFolder(path.dirname(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw new TanistError('CONFIG_INVALID', `stateDir ${folder} cannot be made: ${(error as Error).message}`);
  }
}
