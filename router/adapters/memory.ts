/** `router.json` in the state directory. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { asEpoch } from '#core/brand.js';
import { isEqual } from '#core/equal.js';
import { TanistError } from '#core/errors.js';
import type { Word } from '#core/topology.js';
import type { Memory } from '#router/ports/memory.js';
import { ourselves, writeDurably } from '#proto/durable-files.js';

const schema = z.strictObject({
  clusters: z.record(
    z.string(),
    z.strictObject({
      epoch: z.int().nonnegative(),
      leader: z.strictObject({ name: z.string(), host: z.string(), port: z.int() }).readonly(),
    }),
  ),
  held: z.array(z.string()),
});

/** Throws STATE_CORRUPT; STATE_UNWRITABLE where the folder cannot be made. */
export function recall(folder: string, clusters: readonly string[]): Memory {
  const file = join(folder, 'router.json');
  const stored = read(folder, file);
  const words = new Map<string, Word>(
    Object.entries(stored.clusters).map(([name, { epoch, leader }]) => [
      name,
      { epoch: asEpoch(BigInt(epoch)), leader },
    ]),
  );
  const held = new Set(stored.held);
  const write = (): Promise<void> => {
    const toStore: z.input<typeof schema> = {
      clusters: Object.fromEntries(
        [...words].map(([name, { epoch, leader }]) => [name, { epoch: Number(epoch), leader }]),
      ),
      held: [...held],
    };
    return writeDurably(file, `${JSON.stringify(toStore, undefined, 2)}\n`, ourselves());
  };
  return {
    words: Object.fromEntries(clusters.map((name) => [name, words.get(name)])),
    held: [...held],
    remember(cluster, word) {
      if (isEqual(words.get(cluster), word)) return Promise.resolve();
      words.set(cluster, word);
      return write();
    },
    rememberHeld(cluster, isHeld) {
      if (isHeld === held.has(cluster)) return Promise.resolve();
      if (isHeld) held.add(cluster);
      else held.delete(cluster);
      return write();
    },
  };
}

function read(folder: string, file: string): z.output<typeof schema> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new TanistError('STATE_UNWRITABLE', `${folder}: ${(error as Error).message}`);
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { clusters: {}, held: [] };
    throw new TanistError('STATE_CORRUPT', `${file}: ${(error as Error).message}`);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new TanistError(
      'STATE_CORRUPT',
      `${file} is not what a router wrote`,
      'remove it: the router then knows of no leader until a controller tells it',
    );
  }
}
