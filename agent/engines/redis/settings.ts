/**
 * What the agent sets on a running server, and what an administrator had there: told at each login, when a server that was started since has its
 * own again. So nothing has to be asked for when time presses.
 */
import { join } from 'node:path';
import { readNote, removeDurably, writeDurably } from '#common/durable-files.js';
import { RECEIVER } from '#agent/engines/redis/admission.js';
import type { Command, Reply } from '#agent/engines/redis/connection.js';

interface Kept {
  readonly stateDir: string;
}

/** A leader without replicas for an hour would drop its backlog, and with it the line that all positions name. */
export const KEEP_BACKLOG: Command = ['CONFIG', 'SET', 'repl-backlog-ttl', '0'];
/** Who follows accepts no writes. */
export const READ_ONLY: Command = ['CONFIG', 'SET', 'replica-read-only', 'yes'];

const OURS: ReadonlyMap<string, string> = new Map(
  [KEEP_BACKLOG, READ_ONLY].map(([, , name = '', value = '']) => [name, value]),
);
/** As whom a server logs in to its leader: ours if its user is. */
const LOGIN = ['masteruser', 'masterauth'] as const;
const FILE = 'settings.json';

export const ASK_SETTINGS: readonly Command[] = [...OURS.keys(), ...LOGIN].map((name) => [
  'CONFIG',
  'GET',
  name,
]);

/** `replies` to ASK_SETTINGS. What is as we set it tells nothing. */
export async function noteSettings({ stateDir }: Kept, replies: readonly Reply[]): Promise<void> {
  const found = settingsIn(replies);
  const theirs = found.filter((setting) => !isOurs(setting, found));
  const noted = originals({ stateDir });
  const now = { ...noted, ...Object.fromEntries(theirs) };
  if (JSON.stringify(now) === JSON.stringify(noted)) return;
  await writeDurably(join(stateDir, FILE), JSON.stringify(now), ourselves());
}

/** What is still as we set it becomes again what it was. */
export function undo(kept: Kept, replies: readonly Reply[]): readonly Command[] {
  const noted = originals(kept);
  const found = settingsIn(replies);
  return found.flatMap((setting) => {
    const [name] = setting;
    const before = noted[name];
    return before === undefined || !isOurs(setting, found) ? [] : [['CONFIG', 'SET', name, before] as const];
  });
}

function isOurs([name, value]: Setting, all: readonly Setting[]): boolean {
  const isLogin = LOGIN.some((each) => each === name);
  return isLogin
    ? all.some(([other, user]) => other === 'masteruser' && user === RECEIVER)
    : value === OURS.get(name);
}

export const forgetSettings = ({ stateDir }: Kept): Promise<void> => removeDurably(join(stateDir, FILE));

const originals = ({ stateDir }: Kept): Readonly<Record<string, string>> =>
  (readNote(join(stateDir, FILE)) ?? {}) as Record<string, string>;

type Setting = readonly [name: string, value: string];

const settingsIn = (replies: readonly Reply[]): readonly Setting[] =>
  replies.flatMap((reply) =>
    Array.isArray(reply) && reply.length > 1 ? [[String(reply[0]), String(reply[1])] as const] : [],
  );

const ourselves = () => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
