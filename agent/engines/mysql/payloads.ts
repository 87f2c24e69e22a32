/**
 * Transactions that a server has compressed (`binlog_transaction_compression`). Nothing here can unpack them but mysqlbinlog, which prints the events in
 * them as they are, in base64; it runs once for a file, beside whoever reads that.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Server } from '#agent/engines/mysql/server.js';

export interface Payload {
  readonly type: number;
  /** With its checksum, where the file has any. */
  readonly body: Buffer;
}

export interface Payloads {
  /** Rows, and which tables they are of, of the transaction that is packed at this offset; offsets grow. `from`: where it begins. */
  at(offset: number, from: number): Promise<readonly Payload[]>;
  end(): void;
}

const HEAD = 19;
const [BEGINS, ENDS] = ['# Start of compressed events.', '# End of compressed events.'];
const LAST_WORDS = 400;

interface Packed {
  readonly offset: number;
  readonly events: readonly Payload[];
}

export function createPayloads(server: Pick<Server, 'tool'>, file: string): Payloads {
  let reading: AsyncGenerator<Packed, void> | undefined;
  let child: ChildProcessByStdio<null, Readable, Readable> | undefined;
  return {
    async at(offset, from) {
      if (reading === undefined) {
        const args = ['--no-defaults', `--start-position=${from}`, file];
        child = spawn(server.tool('mysqlbinlog'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
        reading = packedIn(child);
      }
      for (;;) {
        const next = await reading.next();
        if (next.done === true) throw new Error(`mysqlbinlog does not tell what is packed at ${offset}`);
        if (next.value.offset === offset) return next.value.events;
      }
    },
    end: () => void child?.kill('SIGKILL'),
  };
}

async function* packedIn(child: ChildProcessByStdio<null, Readable, Readable>): AsyncGenerator<Packed, void> {
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-LAST_WORDS)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => undefined); // looked at once all is read
  let [at, offset]: [number, number | undefined] = [0, undefined];
  let collected = createCollector();
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === BEGINS) {
      [offset, collected] = [at, createCollector()];
    } else if (line === ENDS && offset !== undefined) {
      yield { offset, events: collected.events };
      offset = undefined;
    } else if (offset !== undefined) collected.take(line);
    else at = Number(/^# at (\d+)$/.exec(line)?.[1] ?? at);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`mysqlbinlog: code ${String(code)}: ${said.trim()}`);
}

/** Each event begins on a line of its own; all lines of one but the last are equally long. */
function createCollector(): { readonly events: Payload[]; take(line: string): void } {
  const events: Payload[] = [];
  let [isInside, event] = [false, Buffer.alloc(0)];
  return {
    events,
    take(line) {
      if (line === "BINLOG '") isInside = true;
      else if (line.startsWith("'")) isInside = false;
      else if (isInside) {
        event = Buffer.concat([event, Buffer.from(line, 'base64')]);
        if (event.length < HEAD || event.length < event.readUInt32LE(9)) return;
        events.push({ type: event.readUInt8(4), body: event.subarray(HEAD) });
        event = Buffer.alloc(0);
      }
    },
  };
}
