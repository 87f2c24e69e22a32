/** Does another agent's process answer? One that is stopped goes on accepting connections and says nothing on them. */
import type { Answering } from '#core/report.js';
import { splitAddress } from '#proto/client.js';
import { firstAnswer } from '#common/first-answer.js';

/** HTTP/2: the client's preface and an empty SETTINGS frame. A server's first bytes are a SETTINGS frame of its own. */
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'), EMPTY_SETTINGS]);

/** `address`: `host:port`. */
export function probeAgent(address: string, timeoutMs: number): Promise<Answering> {
  return firstAnswer(splitAddress(address), PREFACE, timeoutMs);
}
