/** A database server of any engine, as the harness holds it: whatever is done with one server. */
import type { Place } from '#test/cluster/place.js';
import type { Clients } from '#test/load/clients.js';

export interface DatabaseServer {
  readonly name: string;
  readonly place: Place;
  /** The data directory. */
  readonly dir: string;
  readonly port: number;
  readonly logFile: string;
  readonly clients: Clients;
  /** As `clients`, through whatever listens there and leads to the leader; what a run has is still asked of this server. */
  clientsThrough(front: { readonly host: string; readonly port: number }): Clients;
  /** For people: a command that opens a session as its administrator, and the file whose first line is the main process's pid. */
  readonly visit: { readonly command: string; readonly pidFile: string };
  /** Closed, as after a boot. Returns once it answers; with `awaitReady: false` at once. */
  start(options?: { readonly awaitReady?: boolean }): Promise<void>;
  /** fast: in order, as an administrator would. Returns once nothing of it is left; nothing happens if it does not run. Default: fast. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Signals its main process alone: SIGKILL is a crash. Throws where there is none. */
  kill(signal: NodeJS.Signals): void;
  /** Of the living main process, whoever started it. */
  pid(): number | undefined;
  /** All of its processes, orphaned ones too. */
  processes(): number[];
  /** Every process of it stands still, with all connections held. */
  pause(): void;
  resume(): void;
  waitUntilReady(): Promise<void>;
  /** On a replica: until it receives log. */
  waitUntilStreaming(): Promise<void>;
  /** On a replica: until it has applied all that the other, of its own engine, had written when asked. */
  waitUntilCaughtUpWith(leader: DatabaseServer): Promise<void>;
  /** The port of the server that sends it log at this moment; undefined: nobody does. Rejects where it does not answer. */
  upstreamPort(): Promise<number | undefined>;
  /** Room that it has set aside for its log is used up, so that it needs the disk for the next write. */
  useUpLog(): Promise<void>;
}
