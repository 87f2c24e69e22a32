/** `router.json` in the state directory. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { asEpoch } from '#core/brand.js';
import { isEqual } from '#core/equal.js';
import { TanistError } from '#core/errors.js';
import type { Word } from '#core/topology.js';
import type { Memory } from '#router/ports/memory.js';
import { ourselves, writeDurably } from '#common/durable-files.js';

const schema = z.strictObject({
  clusters: z.record(
    z.string(),
    z.strictObject({
      epoch: z.int().nonnegative(),
      leader: z.strictObject({ name: z.string(), host: z.string(), port: z.int() }).readonly(),
    }),
  ),
});

/** Throws STATE_CORRUPT; STATE_UNWRITABLE where the folder cannot be made. */
export function recall(folder: string, clusters: readonly string[]): Memory {
  const file = join(folder, 'router.json');
  const stored: Readonly<Record<string, Word | undefined>> = read(folder, file);
  let known = stored;
  let turn: Promise<void> = Promise.resolve();
  const write = async (next: typeof known): Promise<void> => {
    const entries = Object.entries(next).flatMap(([name, word]) =>
      word === undefined ? [] : [[name, word] as const],
    );
    const toStore: z.input<typeof schema> = {
      clusters: Object.fromEntries(
        entries.map(([name, { epoch, leader }]) => [name, { epoch: Number(epoch), leader }]),
      ),
    };
    await writeDurably(file, `${JSON.stringify(toStore, undefined, 2)}\n`, ourselves());
    known = next;
  };
  return {
    words: Object.fromEntries(clusters.map((name) => [name, stored[name]])),
    remember(cluster, word) {
      const mine = turn.then(() =>
        isEqual(known[cluster], word) ? undefined : write({ ...known, [cluster]: word }),
      );
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

function read(folder: string, file: string): Readonly<Record<string, Word>> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new TanistError('STATE_UNWRITABLE', `${folder}: ${(error as Error).message}`);
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new TanistError('STATE_CORRUPT', `${file}: ${(error as Error).message}`);
  }
  try {
    const { clusters } = schema.parse(JSON.parse(text));
    return Object.fromEntries(
      Object.entries(clusters).map(([name, { epoch, leader }]) => [
        name,
        { epoch: asEpoch(BigInt(epoch)), leader },
      ]),
    );
  } catch {
    throw new TanistError(
      'STATE_CORRUPT',
      `${file} is not what a router wrote`,
      'remove it: the router then knows of no leader until a controller tells it',
    );
  }
}
