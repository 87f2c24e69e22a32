// Of MariaDB, and of MySQL, which takes the same statements.
// Problem: nothing in the answer to a write says under which opening it was taken: sequence numbers of GTIDs go on in an old leader that was
// cut off as they do in its heir.
// Rule: a write is a procedure that runs as the application, whom read_only binds; in the same transaction it reads the newest opening that
// Tanist has noted in this member, which is written before clients get in.
// Consequence: one round trip, and its answer comes after the commit, with the epoch as the line of history.
import { connect as connectSocket } from 'node:net';
import { type Connection, createConnection, SqlError } from 'mariadb';
import {
  ANSWER_WITHIN_MS,
  type Clients,
  type ClientSession,
  type Patience,
  type RowId,
  type Written,
} from '#test/load/clients.js';
import { inTime } from '#test/load/in-time.js';

export interface MariadbDoor {
  readonly host: string;
  readonly port: number;
  /** The application, and its schema. */
  readonly user: string;
  /** The variable that tells where its log ends. */
  readonly logEnd: '@@global.gtid_binlog_pos' | '@@global.gtid_executed';
  /** As administrator, in a session of its own. */
  query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

const NEWEST_OPENING = 'coalesce(max(epoch), 0) from tanist.openings';

const statements = ({ user: app, logEnd }: MariadbDoor): readonly string[] => [
  `create table if not exists ${app}.loaded (run varchar(64), writer int, number int, primary key (run, writer, number))`,
  `create table if not exists ${app}.lists (run int, list int, length int not null, primary key (run, list))`,
  `create table if not exists ${app}.appended (run int, list int, place int, value int not null, primary key (run, list, place))`,
  `grant select on tanist.openings to ${app}@'%'`,
  // By default a procedure has the rights of who made it.
  `drop procedure if exists ${app}.add_row`,
  `create procedure ${app}.add_row(in _run varchar(64), in _writer int, in _number int) sql security invoker
   begin
     start transaction;
     insert into ${app}.loaded values (_run, _writer, _number);
     select ${NEWEST_OPENING} into @line;
     commit;
     select cast(@line as signed) as line;
   end`,
  `drop procedure if exists ${app}.append_value`,
  `create procedure ${app}.append_value(in _run int, in _list int, in _value int) sql security invoker
   begin
     set @log_end = ${logEnd};
     start transaction;
     update ${app}.lists set length = last_insert_id(length + 1) where run = _run and list = _list;
     insert into ${app}.appended values (_run, _list, last_insert_id(), _value);
     select ${NEWEST_OPENING} into @line;
     commit;
     select cast(@line as signed) as line, cast(last_insert_id() as signed) as place, @log_end as logEnd;
   end`,
];

export const mariadbClients = (door: MariadbDoor): Clients => ({
  async prepare() {
    for (const statement of statements(door)) await door.query(statement);
  },
  connect: (patience) => connect(door, patience),
  rowsOf: (run) => door.query<RowId>(`select writer, number from ${door.user}.loaded where run = ?`, [run]),
  async beginLists(run, keys) {
    const lists = Array.from({ length: keys }, (_, i) => `(?, ${i + 1}, 0)`);
    await door.query(
      `insert into ${door.user}.lists values ${lists.join()}`,
      lists.map(() => run),
    );
  },
  async listsOf(run) {
    const rows = await door.query<{ list: number; value: number }>(
      `select list, value from ${door.user}.appended where run = ? order by list, place`,
      [run],
    );
    const lists = new Map<number, number[]>();
    for (const { list, value } of rows) lists.set(list, [...(lists.get(list) ?? []), value]);
    return lists;
  },
});

async function connect({ host, port, user }: MariadbDoor, { waits }: Patience): Promise<ClientSession> {
  // Of our own: the driver ends a session politely, once what it waits for has come.
  const socket = connectSocket({ host, port, noDelay: true });
  const client = await createConnection({
    ...{ host, port, user, connectTimeout: ANSWER_WITHIN_MS },
    // As MySQL wants it for passwords; MariaDB has no use for it.
    ...{ bigIntAsNumber: true, allowPublicKeyRetrieval: true, stream: (use) => use(undefined, socket) },
  }).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
  client.on('error', () => undefined);
  const answered = <T>(answer: Promise<T>): Promise<T> =>
    waits === 'half a second' ? inTime(answer, ANSWER_WITHIN_MS) : answer;
  return {
    async acceptsWrites() {
      const [row] = await answered(
        client.query<{ closed: number | bigint }[]>('select @@global.read_only as closed'),
      );
      return Number(row?.closed) === 0;
    },
    insert: ({ run, writer, number }) =>
      written(answered(call(client, `${user}.add_row`, [run, writer, number]))),
    append: ({ run, key, value }) =>
      written(answered(call(client, `${user}.append_value`, [run, key, value]))),
    // The driver takes all listeners off its socket.
    onceEnded: (listener) => void client.once('end', listener),
    leave: () => void socket.destroy(new Error('left')),
  };
}

interface Answer {
  readonly line: number;
  readonly place?: number;
  readonly logEnd?: string;
}

async function call(client: Connection, procedure: string, values: readonly unknown[]): Promise<Answer> {
  const marks = values.map(() => '?').join();
  const [[answer]] = await client.query<[[Answer]]>(`call ${procedure}(${marks})`, [...values]);
  return answer;
}

async function written(answer: Promise<Answer>): Promise<Written & { readonly place?: number }> {
  try {
    return { outcome: 'ok', ...(await answer) };
  } catch (error) {
    const isRefusal = error instanceof SqlError && REFUSALS.has(error.errno);
    return { outcome: isRefusal ? 'failed' : 'unknown', why: String(error) };
  }
}

/** After these nothing can have been committed; all else, also the end of a session, may have come after the commit. */
export const REFUSALS: ReadonlySet<number> = new Set([
  1290, // read_only: a replica
  1142, // a right that is lacking
  1205, // a lock that is not to be had
  1213,
  1146, // no such table or procedure: a member that does not have it yet
  1305,
]);
