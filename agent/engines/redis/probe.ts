/** Does another member's server answer? Whatever it says to a PING, also that a password is needed, is an answer. */
import type { Answering } from '#core/report.js';
import { firstAnswer } from '#proto/first-answer.js';

const PING = Buffer.from('PING\r\n');

export function probeDatabase(host: string, port: number, timeoutMs: number): Promise<Answering> {
  return firstAnswer({ host, port }, PING, timeoutMs);
}
