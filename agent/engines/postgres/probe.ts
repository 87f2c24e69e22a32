/**
 * Does another member's server take a new connection? Its replicas' streams say nothing of that: they may be idle, and go on for a while
 * when the postmaster is stopped. The question whether TLS is spoken is answered by a process that the postmaster starts for it.
 */
import type { Answering } from '#core/report.js';
import { firstAnswer } from '#common/first-answer.js';

/** SSLRequest: its own length, and the code that stands where others have the version of the protocol. Answered by S, N or an error. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export function probeDatabase(host: string, port: number, timeoutMs: number): Promise<Answering> {
  return firstAnswer({ host, port }, SSL_REQUEST, timeoutMs);
}
