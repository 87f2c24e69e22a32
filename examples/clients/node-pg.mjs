// `pg` takes one host: ask all members side by side which one leads, and take the first that says so.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const [addresses, user, database] = process.argv.slice(2);
const members = addresses.split(',').map((address) => {
  const [host, port] = address.split(':');
  return { host, port: Number(port), user, database, connectionTimeoutMillis: 2000, query_timeout: 2000 };
});

async function connectTo(member) {
  const client = new pg.Client(member);
  client.on('error', () => undefined); // its end is noticed by the next query
  try {
    await client.connect();
    const { rows } = await client.query('select pg_is_in_recovery() as is_replica');
    if (rows[0].is_replica) throw new Error(`${member.host}:${member.port} does not lead`);
    return client;
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
}

const UNIQUE_VIOLATION = '23505';
let client;
for (let number = 1; ;) {
  try {
    client ??= await Promise.any(members.map(connectTo));
    await client.query('insert into client_log values ($1)', [number]);
  } catch (error) {
    if (error.code !== UNIQUE_VIOLATION) {
      console.error(`lost: ${error.message}`);
      void client?.end().catch(() => undefined);
      client = undefined;
      await sleep(20);
      continue;
    }
  }
  console.log(`wrote ${number}`);
  number += 1;
  await sleep(20);
}
