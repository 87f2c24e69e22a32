/**
 * MariaDB reads confirmations in a thread of its own, which every replica that leaves waits for; when the last one leaves, it may never hear of it
 * (reproduced on 10.11.19: some 7 of 100, from a lost signal). Its session then stays for good, and the replica, which comes again under the same
 * number, is not let in. Anybody else who comes to confirm frees it: so somebody does, for a moment, who asks for the log from its very beginning
 * and thereby confirms nothing at all.
 */
import { randomInt } from 'node:crypto';
import { openOneMore } from '#agent/engines/mysql-family/room.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

const COM_BINLOG_DUMP = 0x12;
const BEGIN_OF_LOG = 4;
/** Above what anybody numbers servers by; another one each time, so that none is taken for an earlier one. */
const NUMBERS = [2 ** 32 - 2 ** 20, 2 ** 32 - 1] as const;

export async function wakeReceiver(server: Server, timeoutMs: number): Promise<void> {
  const { client, cut, command } = await openOneMore(server, timeoutMs);
  try {
    await client.query('set @rpl_semi_sync_slave = 1, @master_binlog_checksum = @@global.binlog_checksum');
    const dump = Buffer.alloc(11); // without the name of a file: of the first
    dump.writeUInt8(COM_BINLOG_DUMP, 0);
    dump.writeUInt32LE(BEGIN_OF_LOG, 1);
    dump.writeUInt32LE(randomInt(...NUMBERS), 7);
    await command(dump);
  } finally {
    cut();
  }
}
