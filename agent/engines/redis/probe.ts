/** Does another member's server answer? Whatever it says to a PING, also that a password is needed, is an answer. */
import type { Answering } from '#core/report.js';
import { dial, type Tls, unnamed } from '#agent/engines/redis/dial.js';
import { firstAnswer } from '#common/first-answer.js';

const PING = Buffer.from('PING\r\n');

export async function probeDatabase(
  host: string,
  port: number,
  tls: Tls,
  timeoutMs: number,
): Promise<Answering> {
  try {
    return await firstAnswer({ host, port }, PING, timeoutMs, () => dial(host, port, unnamed(tls)));
  } catch {
    return 'silent'; // it was not asked: there are no certificates to ask with
  }
}
