/**
 * S6 on PostgreSQL: "applied" means in every process that could end a wait. A sender takes a reload up in its own time, and shows of it only
 * whether its replica is in the set, not k. So k is raised by way of a set with nobody in it: once every sender shows that, whichever shows a
 * member afterwards has read the newer k as well. That backends wait at all is the checkpointer's to tell them, and shows in a commit that waits.
 */
import { type Durability, NO_ACKNOWLEDGEMENTS } from '#core/durability.js';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { takesUpSettings } from '#agent/engines/postgres/checkpointer.js';
import type { Original } from '#agent/engines/postgres/originals.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { reload } from '#agent/engines/postgres/settings.js';
import {
  acknowledgementsIn,
  dropOriginal,
  isOurs,
  readSynchronous,
  setLine,
  wantedLine,
  WAITS_FOR_EVER,
} from '#agent/engines/postgres/synchronous-setting.js';

const LOOK_EVERY_MS = 5;

/** On an open server. Ends once it is in force everywhere. */
export async function applyDurability(server: Server, wanted: Durability, bounds: Bounds): Promise<void> {
  const found = await readSynchronous(server, bounds.left());
  const { value } = await wantedLine(server, wanted, found, bounds.left());
  // Nothing of ours is there, and nothing is to be: hands off.
  if (isThere(found, value) && !isOurs(found.value)) return;
  const k = acknowledgementsIn(value ?? '');
  const isStronger = k > acknowledgementsIn(found.value) || (k > 0 && found.value === WAITS_FOR_EVER);
  if (isStronger) {
    await put(server, WAITS_FOR_EVER, bounds);
    await untilSendersShow(server, [], bounds);
    await untilCommitsWait(server, bounds);
  }
  // The value in force is the one to compare with: a line that is there already may not have been taken up.
  await put(server, value, bounds);
  if (value !== undefined && isOurs(value)) await untilSendersShow(server, wanted.synchronous, bounds);
}

/** On a closed server that is about to be promoted: its sessions stay, and must find it in force. */
export async function prepareDurability(server: Server, wanted: Durability, bounds: Bounds): Promise<void> {
  const found = await readSynchronous(server, bounds.left());
  const { value } = await wantedLine(server, wanted, found, bounds.left());
  if (!isThere(found, value)) await put(server, value, bounds);
  // Also when it was there: an opening before this one may have put it and given up.
  if (value === undefined || !isOurs(value)) return;
  if (!(await takesUpSettings(server, bounds)))
    throw new TanistError('ENGINE_FAILED', 'the checkpointer has not taken up who confirms writes');
}

/** As it was found before Tanist; in force with the next reload. */
export async function releaseDurability(server: Server, bounds: Bounds): Promise<void> {
  const found = await readSynchronous(server, bounds.left());
  const { value } = await wantedLine(server, NO_ACKNOWLEDGEMENTS, found, bounds.left());
  if (!isThere(found, value)) await put(server, value, bounds);
  await dropOriginal(server);
}

const isThere = (found: Original, value: string | undefined): boolean =>
  found.inAutoConf ? found.value === value : value === undefined;

/** The postmaster signals all of its processes at once: when this session has taken it up, so has everybody been told. */
async function put(server: Server, value: string | undefined, bounds: Bounds): Promise<void> {
  bounds.check();
  await setLine(server, value, bounds.left());
  const loadedBefore = await loadedAt(server, bounds);
  await reload(server, bounds.left());
  await within(
    bounds,
    'the reload is not taken up',
    async () => (await loadedAt(server, bounds)) > loadedBefore,
  );
}

async function loadedAt(server: Server, bounds: Bounds): Promise<number> {
  const [row] = await server.connection.query<{ at: number }>(
    'select extract(epoch from pg_conf_load_time())::float8 as at',
    { timeoutMs: bounds.left() },
  );
  return row?.at ?? 0;
}

/** Every sender that is there: in the set exactly if its replica is in it. */
async function untilSendersShow(
  server: Server,
  synchronous: readonly string[],
  bounds: Bounds,
): Promise<void> {
  await within(bounds, 'a sender has not taken up who confirms writes', async () => {
    const [row] = await server.connection.query<{ late: boolean }>(
      `select coalesce(bool_or((sync_priority > 0) <> (lower(application_name) = any(string_to_array($1, ',')))), false) as late
         from pg_stat_replication`,
      { values: [synchronous.join().toLowerCase()], timeoutMs: bounds.left() },
    );
    return row?.late === false;
  });
}

/**
 * A commit on a session of its own, which nobody can confirm now: seen waiting, it shows that all others wait as well. It is ended then;
 * what it wrote is a message that nothing reads.
 */
async function untilCommitsWait(server: Server, bounds: Bounds): Promise<void> {
  await within(bounds, 'commits do not wait', async () => {
    const probe = await server.connection.commitAside(bounds.left());
    try {
      return await bounds.within(PROBED_WITHIN_MS).until(async () => {
        if (probe.isOver()) return false;
        const rows = await server.connection.query(
          `select from pg_stat_activity where pid = $1 and wait_event = 'SyncRep'`,
          { values: [probe.pid], timeoutMs: bounds.left() },
        );
        return rows.length > 0;
      }, LOOK_EVERY_MS);
    } finally {
      await server.connection.query('select pg_terminate_backend($1)', {
        values: [probe.pid],
        timeoutMs: bounds.left(),
      });
      probe.close();
    }
  });
}

const PROBED_WITHIN_MS = 100;

async function within(bounds: Bounds, what: string, condition: () => Promise<boolean>): Promise<void> {
  if (!(await bounds.until(condition, LOOK_EVERY_MS))) throw new TanistError('ENGINE_FAILED', what);
}
