// MariaDB's and MySQL's drivers know a list of hosts, and not which one leads: ask all members side by side.
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mariadb';

const [addresses, user, database] = process.argv.slice(2);
const members = addresses.split(',').map((address) => {
  const [host, port] = address.split(':');
  return { host, port: Number(port), user, database, connectTimeout: 2000, socketTimeout: 2000 };
});

async function connectTo(member) {
  const connection = await createConnection(member);
  connection.on('error', () => undefined); // its end is noticed by the next query
  const [{ isReadOnly }] = await connection.query('select @@global.read_only as isReadOnly');
  if (Number(isReadOnly) === 0) return connection;
  connection.destroy();
  throw new Error(`${member.host}:${member.port} does not lead`);
}

const DUPLICATE = 1062;
let connection;
for (let number = 1; ;) {
  try {
    connection ??= await Promise.any(members.map(connectTo));
    await connection.query('insert into client_log values (?)', [number]);
  } catch (error) {
    if (error.errno !== DUPLICATE) {
      console.error(`lost: ${error.message}`);
      connection?.destroy();
      connection = undefined;
      await sleep(20);
      continue;
    }
  }
  console.log(`wrote ${number}`);
  number += 1;
  await sleep(20);
}
