// Problem: the answer to a write says neither under which opening it was taken nor where it came.
// Rule: a write is a function that is part of the data and runs as the application, which a closed database refuses. What it reads before its
// write begins, it reads in the same moment, for nothing yields in between; a read-only server refuses at that moment, too.
// Consequence: one round trip, with the newest epoch as the line of history.
import {
  ANSWER_WITHIN_MS,
  type Clients,
  type ClientSession,
  type Patience,
  type RowId,
  type Written,
} from '#test/load/clients.js';
import { inTime } from '#test/load/in-time.js';
import {
  connectTarantool,
  type TarantoolConnection,
  type TarantoolDoor,
  TarantoolError,
} from '#test/load/tarantool-connection.js';

/** `admin`: of the same server. */
export interface TarantoolDoors {
  readonly app: TarantoolDoor;
  readonly admin: TarantoolDoor;
}

/** The newest line of history, as the executable declares it, and how far along it. */
const WHERE = `
  local newest, at = box.space.tanist_openings.index.primary:max(), 0ULL
  for id, lsn in pairs(box.info.vclock) do if id ~= 0 then at = at + lsn end end
  local ended = newest.epoch .. ' ' .. newest.mark .. ' ' .. tostring(at):gsub('U?LL', '')
`;

const FUNCTIONS = {
  app_accepts_writes: `function() return not box.info.ro end`,
  app_insert: `function(run, writer, number) ${WHERE}
    box.space.app_rows:insert({ run, writer, number })
    return newest.epoch, ended
  end`,
  app_append: `function(run, key, value) ${WHERE}
    local last = box.space.app_lists.index.primary:select({ run, key }, { iterator = 'REQ', limit = 1 })[1]
    local place = (last and last.place or 0) + 1
    box.space.app_lists:insert({ run, key, place, value })
    return newest.epoch, ended, place
  end`,
};

const PREPARE = `
  local user, password, functions = ...
  box.schema.user.create(user, { password = password, if_not_exists = true })
  local unsigned = function(name) return { name, 'unsigned' } end
  local function make(name, format, parts)
    local space = box.schema.space.create(name, { format = format, if_not_exists = true })
    space:create_index('primary', { parts = parts, if_not_exists = true })
    box.schema.user.grant(user, 'read,write', 'space', name, { if_not_exists = true })
  end
  make('app_rows', { { 'run', 'string' }, unsigned('writer'), unsigned('number') }, { 'run', 'writer', 'number' })
  make('app_lists', { unsigned('run'), unsigned('key'), unsigned('place'), unsigned('value') }, { 'run', 'key', 'place' })
  box.schema.user.grant(user, 'read', 'space', 'tanist_openings', { if_not_exists = true })
  for name, body in pairs(functions) do
    box.schema.func.create(name, { language = 'LUA', body = body, if_not_exists = true })
    box.schema.user.grant(user, 'execute', 'function', name, { if_not_exists = true })
  end
`;

/** Refusals that come before anything is written: read-only, an element that is there, nobody or nothing of that name, a start that is under way. */
const NEVER_WRITTEN = new Set([3, 7, 33, 36, 42, 45, 47, 116]);

const PATIENT_MS = 10_000;

export const tarantoolClients = ({ app, admin }: TarantoolDoors): Clients => ({
  async prepare() {
    await runOn(admin, PREPARE, app.user, app.password, FUNCTIONS);
  },
  connect: (patience) => connect(app, patience),
  async rowsOf(run) {
    const [rows] = await runOn(admin, 'return box.space.app_rows:select({ ... })', run);
    return (rows as readonly [string, number, number][]).map(([, writer, number]): RowId => ({
      writer,
      number,
    }));
  },
  // A list that is empty is none.
  beginLists: () => Promise.resolve(),
  async listsOf(run) {
    const [rows] = await runOn(admin, 'return box.space.app_lists:select({ ... })', run);
    // By key and place.
    const lists = new Map<number, number[]>();
    for (const [, key, , value] of rows as readonly [number, number, number, number][])
      lists.set(key, [...(lists.get(key) ?? []), value]);
    return lists;
  },
});

/** In a session of its own. */
export async function runOn(door: TarantoolDoor, lua: string, ...args: readonly unknown[]) {
  const tired = new AbortController();
  try {
    const answer = connectTarantool(door, tired.signal).then((connection) => connection.run(lua, ...args));
    return await inTime(answer, PATIENT_MS);
  } finally {
    tired.abort();
  }
}

async function connect(door: TarantoolDoor, { waits }: Patience): Promise<ClientSession> {
  const tired = new AbortController();
  const connection: TarantoolConnection = await inTime(
    connectTarantool(door, tired.signal),
    ANSWER_WITHIN_MS,
  ).catch((error: unknown) => {
    tired.abort();
    throw error;
  });
  const answered = <T>(answer: Promise<T>): Promise<T> =>
    waits === 'half a second' ? inTime(answer, ANSWER_WITHIN_MS) : answer;

  async function write(
    name: string,
    ...args: readonly unknown[]
  ): Promise<Written & { readonly place?: number }> {
    try {
      const said = await answered(connection.call(name, ...args));
      const [line, logEnd, place] = said as readonly [number, string, number | undefined];
      return { outcome: 'ok', line, logEnd, ...(place !== undefined && { place }) };
    } catch (error) {
      const isRefused = error instanceof TarantoolError && NEVER_WRITTEN.has(error.code);
      return { outcome: isRefused ? 'failed' : 'unknown', why: String(error) };
    }
  }

  return {
    acceptsWrites: async () => (await answered(connection.call('app_accepts_writes')))[0] === true,
    insert: ({ run, writer, number }) => write('app_insert', run, writer, number),
    append: ({ run, key, value }) => write('app_append', run, key, value),
    onceEnded: connection.onceEnded,
    leave: connection.end,
  };
}
