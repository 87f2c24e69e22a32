/**
 * Rows that the piece removed or changed, as the new leader still has them. It got them from the same log, so they lie at the same place there until it
 * changes them itself: a version that is visible there and older than the parting of the logs is the very one that this member had.
 */
import type { RowValues } from '#core/salvage.js';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Place } from '#agent/engines/postgres/log-changes.js';
import { isOlder } from '#agent/engines/postgres/log-records.js';
import { askLeader } from '#agent/engines/postgres/rewind-leader.js';
import { type Table, TEXT_SETTINGS, valuesOf } from '#agent/engines/postgres/salvaged-rows.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** A command line has its limits. */
const MOST_PLACES = 2_000;

export type LeadersRows =
  | { readonly kind: 'read'; readonly at: ReadonlyMap<string, RowValues> }
  /** It cannot be asked for them. */
  | { readonly kind: 'unreadable'; readonly text: string };

export const keyOf = ({ block, offset }: Place): string => `(${block},${offset})`;

/** `before`: the number of the first transaction that only one of the two logs has; undefined: it is not known. */
export async function readAtLeader(
  server: Server,
  leader: PlanMember,
  table: Table,
  places: readonly Place[],
  before: number | undefined,
  bounds: Bounds,
): Promise<LeadersRows> {
  const at = new Map<string, RowValues>();
  if (before === undefined)
    return { kind: 'unreadable', text: 'it is not known which transactions it began itself' };
  for (let i = 0; i < places.length; i += MOST_PLACES) {
    const some = places.slice(i, i + MOST_PLACES).map((place) => `"${keyOf(place)}"`);
    const select = `select t.ctid::text || ' ' || t.xmin::text || ' ' || ${valuesOf(table)}::text
      from only ${table.name} as t where t.ctid = any ('{${some.join(',')}}'::tid[])`;
    try {
      const text = await askLeader(server, leader, [select], bounds, {
        database: table.database,
        settings: TEXT_SETTINGS,
      });
      for (const line of text.split('\n')) {
        const [, place, xid, values] = /^(\(\d+,\d+\)) (\d+) (.*)$/.exec(line) ?? [];
        if (place !== undefined && values !== undefined && isOlder(Number(xid), before))
          at.set(place, JSON.parse(values) as RowValues);
      }
    } catch (error) {
      if (error instanceof TanistError) return { kind: 'unreadable', text: error.detail };
      throw error;
    }
  }
  return { kind: 'read', at };
}
