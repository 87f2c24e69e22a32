/** Does another member's server take a new connection? It speaks first, with its version, from a thread that is made for the connection. */
import type { Answering } from '#core/report.js';
import { firstAnswer } from '#common/first-answer.js';

export function probeDatabase(host: string, port: number, timeoutMs: number): Promise<Answering> {
  return firstAnswer({ host, port }, Buffer.alloc(0), timeoutMs);
}
