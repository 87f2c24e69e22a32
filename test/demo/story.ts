// Problem: a failover is over before anybody could look at it.
// Rule: the programs' own log lines are read as they appear and told in a person's words, in ms since the kill.
// Consequence: what the demo tells is what the programs logged, nothing else.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Program } from '#test/cluster/tanist.js';

interface Line {
  readonly time: number;
  readonly code: string;
  readonly controller?: string;
  readonly member?: string;
  readonly [field: string]: unknown;
}

const POLL_MS = 20;

/** Tells every line from now on until `stop`; `sinceKill` gives the wall time of the kill, or undefined before it. */
export function tellStory(
  programs: readonly Program[],
  killedAt: () => number | undefined,
  print: (text: string) => void,
): { stop(): void } {
  const readers = programs.map((program) => followFile(program.logFile));
  const read = (): void => {
    const lines = readers.flatMap((reader) => reader()).sort((a, b) => a.time - b.time);
    for (const line of lines) {
      const killed = killedAt();
      const sentence = inWords(line);
      if (killed === undefined || sentence === undefined) continue;
      print(`  ${`+${Math.max(0, line.time - killed)} ms`.padStart(9)}  ${sentence}`);
    }
  };
  const timer = setInterval(read, POLL_MS);
  return {
    stop() {
      clearInterval(timer);
      read();
    },
  };
}

function followFile(path: string): () => readonly Line[] {
  let offset: number | undefined;
  let rest = '';
  return () => {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      offset ??= size;
      const buffer = Buffer.alloc(Math.max(0, size - offset));
      offset += readSync(file, buffer, 0, buffer.length, offset);
      const texts = (rest + buffer.toString()).split('\n');
      rest = texts.pop() ?? '';
      return texts.flatMap(parse);
    } finally {
      closeSync(file);
    }
  };
}

function parse(text: string): readonly Line[] {
  try {
    return [JSON.parse(text) as Line];
  } catch {
    return [];
  }
}

const STEPS: Readonly<Record<string, string>> = {
  fence: 'confirms that nothing of the dead server can commit any more',
  seal: 'is sealed: it receives nothing more from the old leader',
  takeTail: "has fetched and applied the rest of the old leader's log",
  open: 'is promoted and has written its mark',
  start: 'has started its server, closed',
  follow: 'follows the new leader',
  rewind: "has taken its log back to where it left the new leader's, and saved what it alone had",
  checkpoint: 'has written everything to disk, so that its stop is short',
};

function inWords(line: Line): string | undefined {
  const { code, member = '', controller = '' } = line;
  switch (code) {
    case 'STEP_DONE':
      return `${member}: ${STEPS[String(line['step'])] ?? String(line['step'])} (${String(line['ms'])} ms)`;
    case 'STEP_FAILED':
      return `${member}: ${String(line['step'])} failed: ${String(line['because'])}`;
    case 'STEPPING_DOWN':
      return member === '' ? undefined : `${member}: closes in order`;
    case 'PROMISE_RUNS':
      return `${controller}: ${String(line['leader'])} is silent; its lease is waited out before anybody else is appointed`;
    case 'AGENT_SILENT':
    case 'MEMBER_LOST':
      return `${controller}: ${String(line['leader'])} is lost (${typeof line['probes'] === 'string' ? line['probes'] : 'nobody hears it'}); sealing every replica`;
    case 'SWITCHOVER':
      return `${controller}: ${String(line['by'])} asks for ${String(line['to'])}`;
    case 'DATABASE_CRASHED':
      return `${controller}: the database of ${String(line['leader'])} is gone; sealing every replica`;
    case 'TAIL_TAKEN':
      return `${controller}: the tail of ${String(line['from'])} was taken, ${String(line['bytes'])} bytes: nothing is lost`;
    case 'APPOINTED':
      return `${controller}: ${String(line['leader'])} is appointed, epoch ${String(line['epoch'])} is in etcd`;
    case 'PROVED':
      return `${controller}: ${String(line['leader'])} has proved writable; replicas may follow`;
    case 'ELIGIBLE':
      return `${controller}: ${String(line['members'])} may be appointed again`;
    default:
      return undefined;
  }
}
