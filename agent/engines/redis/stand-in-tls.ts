/**
 * A server with tls-replication believes whoever shows a certificate of its authority. Its own is one, since its replicas believe that when it
 * leads; so a stand-in shows that, and no setting of the server has to be changed for it.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TlsOptions } from 'node:tls';
import type { Connection } from '#agent/engines/redis/connection.js';

const ASKED = ['tls-replication', 'dir', 'tls-cert-file', 'tls-key-file', 'tls-key-file-pass'] as const;

/** Undefined: it replicates without. Rejects where the files cannot be read. */
export async function standInTls(connection: Connection, timeoutMs: number): Promise<TlsOptions | undefined> {
  const replies = await connection.transact(
    ASKED.map((name) => ['CONFIG', 'GET', name] as const),
    timeoutMs,
  );
  const [isOn, dir = '', cert = '', key = '', passphrase = ''] = replies.map((reply) =>
    Array.isArray(reply) ? String(reply[1] ?? '') : '',
  );
  if (isOn !== 'yes') return undefined;
  const [certificate, secret] = await Promise.all([cert, key].map((path) => readFile(resolve(dir, path))));
  return { cert: certificate, key: secret, ...(passphrase !== '' && { passphrase }) };
}
