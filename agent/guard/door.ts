/**
 * How agents reach the guard: one at a time, the latest; an agent that restarts may come while the connection of the one before still
 * hangs. The socket's name in the agent's folder is also the lock that keeps one guard there: it is taken by renaming, so
 * there is always exactly one that has it, and who has lost it to another leaves.
 */
import { type Stats, chmodSync, renameSync, statSync } from 'node:fs';
import { type Server, Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { onLines } from '#agent/adapters/guard/lines.js';
import {
  type FromAgent,
  type FromGuard,
  VERSION,
  decodeFromAgent,
  encode,
} from '#agent/adapters/guard/messages.js';
import type { Watch } from '#agent/guard/watch.js';
import type { Log } from '#core/log.js';

const NAME = 'guard.sock';
const MODE = 0o600;

export interface DoorDeps {
  readonly stateDir: string;
  readonly dataDir: string;
  readonly watch: Watch;
  readonly log: Log;
  readonly leave: (because: string) => void;
}

export interface Door {
  /** The connection that this process was started with: it ends with it, unless it stands by then. */
  serve(descriptor: number): void;
  isStanding(): boolean;
  /** Its name belongs to another one. A name that is missing was taken by nobody. */
  isReplaced(): boolean;
  /** Whether the agent's folder is still there. */
  hasFolder(): boolean;
  close(): void;
}

export function createDoor({ stateDir, dataDir, watch, log, leave }: DoorDeps): Door {
  let current: Socket | undefined;
  let server: Server | undefined;
  let name: Pick<Stats, 'ino' | 'dev'> | undefined;

  function admit(socket: Socket): void {
    current?.destroy();
    current = socket;
    socket.on('error', (error) => log('warn', 'AGENT_LOST', { because: error.message }));
    socket.once('close', () => {
      if (name === undefined) leave('the agent ended before it let this guard stand');
    });
    onLines(socket, (line) => {
      const message = decodeFromAgent(line);
      if (message === undefined) return void socket.destroy(new Error('not understood'));
      take(message, socket);
    });
    say(socket, { kind: 'hello', version: VERSION, pid: process.pid, dataDir });
    tell(socket);
  }

  function take(message: FromAgent, socket: Socket): void {
    switch (message.kind) {
      case 'arm':
        watch.arm(message.order);
        return tell(socket);
      case 'stand':
        return stand(socket);
      case 'dismiss':
        return leave('dismissed');
    }
  }

  /** The name appears with a socket that is listened on, in one step. The folder is the working directory: so no path is too long. */
  function stand(socket: Socket): void {
    if (server !== undefined) return tell(socket);
    const draft = `guard.${process.pid}.sock`;
    server = createServer(admit);
    server.on('error', (error) => {
      if (name === undefined) leave(error.message);
      else log('warn', 'ADMISSION_FAILED', { because: error.message });
    });
    server.listen(draft, () => {
      try {
        chmodSync(draft, MODE);
        const mine = statSync(draft);
        renameSync(draft, NAME);
        name = mine;
        tell(socket);
      } catch (error) {
        leave(String(error));
      }
    });
  }

  const tell = (socket: Socket): void =>
    say(socket, { kind: 'holds', order: watch.order(), standing: name !== undefined });

  function say(socket: Socket, message: FromGuard): void {
    if (!socket.destroyed) socket.write(encode(message));
  }

  return {
    serve: (descriptor) => admit(new Socket({ fd: descriptor, readable: true, writable: true })),
    isStanding: () => name !== undefined,
    isReplaced() {
      if (name === undefined) return false;
      // By its whole path: the folder itself may have been put aside for a new one.
      const found = statSync(join(stateDir, NAME), { throwIfNoEntry: false });
      return found !== undefined && (found.ino !== name.ino || found.dev !== name.dev);
    },
    hasFolder: () => statSync(stateDir, { throwIfNoEntry: false }) !== undefined,
    close() {
      server?.close();
      current?.destroy();
    },
  };
}
