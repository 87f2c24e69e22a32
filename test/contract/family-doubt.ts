/** Of MariaDB and MySQL: a fence with time to spare leaves nobody in doubt who was writing, also while somebody reads for long. */
import { createConnection } from 'mariadb';
import { asDuration } from '#core/brand.js';
import { expect } from 'vitest';
import { waitFor } from '#test/cluster/processes.js';
import { type Actor, fence, start } from '#test/contract/engine/steps.js';

interface Member extends Actor {
  readonly server: {
    readonly port: number;
    query<Row extends object>(sql: string): Promise<Row[]>;
  };
}

const WRITERS = 8;
const ENOUGH = 100;
const TIME_TO_SPARE = asDuration(2_000);

/** `user`: the application's. */
export async function expectNobodyInDoubt(member: Member, user: string): Promise<void> {
  const { server } = member;
  const open = async () => {
    const client = await createConnection({
      ...{ host: '127.0.0.1', port: server.port, user, allowPublicKeyRetrieval: true },
    });
    client.on('error', () => undefined);
    return client;
  };
  await server.query("insert into app.written (value) values ('to be read')");
  const told = new Set(['to be read']);
  const reader = await open();
  const read = reader.query('select sleep(10), value from app.written').catch(String);
  const isReading = async (): Promise<boolean> =>
    (await server.query("select 1 from information_schema.processlist where info like 'select sleep(10)%'"))
      .length > 0;
  await waitFor(isReading, { timeoutMs: 5_000, what: 'somebody to read' });
  const write = async (writer: number): Promise<void> => {
    const client = await open();
    for (let n = 0; ; n += 1) {
      const value = `${writer}/${n}`;
      const isWritten = await client.query('insert into app.written (value) values (?)', [value]).then(
        () => true,
        () => false,
      );
      if (!isWritten) return;
      told.add(value);
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
  await waitFor(() => told.size > ENOUGH, { timeoutMs: 10_000, what: 'a load of writes' });
  expect(await fence(member, TIME_TO_SPARE)).toMatchObject({ kind: 'fenced', clientSessions: 0 });
  await Promise.all([...writers, read]);
  await start(member);
  const rows = await server.query<{ value: string }>('select value from app.written');
  expect(rows.map(({ value }) => value).filter((value) => !told.has(value))).toEqual([]);
  expect(rows).toHaveLength(told.size);
}
