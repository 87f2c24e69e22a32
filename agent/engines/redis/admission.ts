/**
 * Who may receive log from a server. Redis takes a copy of whatever it follows, over all that it has, as soon as the two have no history in common; and it
 * connects again by itself. So a replica that follows the leader of one opening must not reach the same server once that was opened anew with less
 * (INV-7): it logs in with the mark of the opening that its plan names, and a server lets those in who name its own.
 */
import type { ProvedOpening } from '#core/plan.js';
import { TanistError } from '#core/errors.js';
import type { Command } from '#agent/engines/redis/connection.js';

/** A user of ours on every server. It may receive log, and nothing else. */
export const RECEIVER = 'tanist-replica';

/** Whoever is connected already stays: it has followed all along. */
export const admit = (mark: string): Command => [
  'ACL',
  ...['SETUSER', RECEIVER, 'reset', 'on', `>${mark}`, '+psync', '+replconf', '+ping'],
];

/** From its next connection on. */
export const logInWith = (mark: string): readonly Command[] => [
  ['CONFIG', 'SET', 'masteruser', RECEIVER],
  ['CONFIG', 'SET', 'masterauth', mark],
];

export const ADMIT_NOBODY: Command = ['ACL', 'DELUSER', RECEIVER];

/** Of the leader that is to be followed (S4). */
export function newestMark(openings: readonly ProvedOpening[]): string {
  const newest = openings.at(-1);
  if (newest === undefined) throw new TanistError('ENGINE_FAILED', 'no opening of its leader is proved');
  return newest.mark;
}
