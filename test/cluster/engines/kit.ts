/** What the harness, the loads and the faults ask of an engine; what is asked of one server of it stands in database-server.ts and clients.ts. */
import type { EngineName, Position } from '#core/position.js';
import type { SalvagedRow } from '#core/salvage.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Disk } from '#test/cluster/disk.js';
import type { Place } from '#test/cluster/place.js';
import type { Appending } from '#test/load/clients.js';

export interface EngineKit<Server extends DatabaseServer = DatabaseServer> {
  readonly name: EngineName;
  /** By people. */
  readonly called: string;
  /** Debian's stable has no server of it: it comes from the folder of newer ones (test/compat/servers.mjs). */
  readonly isLaidOut?: boolean;
  /** What it cannot do here, each with the reason. Whatever rests on it is left out, and says so; nothing asks for an engine by name. */
  readonly lacks: Lacks;
  /** Its leader acknowledges before anybody else has a write, and a client that wants more asks for it by itself, write by write (Redis: WAIT). */
  readonly clientsConfirm?: true;
  /** What the policy says where one replica is to confirm every write; default: nothing, since it is a setting of the servers, which `startServers` sees to. */
  readonly synchronousPolicy?: Readonly<Record<string, unknown>>;
  /** One leader and its replicas, streaming. */
  startServers(options: ServersOptions): Promise<readonly Server[]>;
  /** The section of the agent's file that names the engine. */
  section(server: Server): object;
  /** Whether a log that ended there (`logEnd` of a write) had passed a position on the same line of history; undefined: that says nothing. */
  isPast(logEnd: string, position: Position): boolean | undefined;
  /** What this row of a salvage was appended by, if it was one of the loads. */
  appended(row: SalvagedRow): Omit<Appending, 'key'> | undefined;
  /**
   * Where a salvage may hold all of a member's data instead of rows: a server on a copy of that, in `folder`, which whoever asked for it stops.
   * Undefined: this one holds rows.
   */
  openSnapshot?(salvage: string, folder: string): Promise<DatabaseServer | undefined>;
  /** A line of a server's own log: when it was written, ms since 1970, and what it says. Undefined: it has no time. */
  readLogLine(line: string): { readonly at: number; readonly what: string } | undefined;
}

/** What a load, a fault, a scene or a figure may rest on. */
export const ABILITIES = {
  confirms: 'write that waits for a replica',
  logOutlivesServer: 'log that outlives its server',
  rejoinsDiverged: 'way back for a member whose log has diverged',
  salvages: 'salvage of what only such a member had',
  releases: 'release that leaves nothing behind',
  tracesFound: 'search for what a release leaves behind',
  blocksReplay: 'session on a replica that holds back what it applies',
  timesRejoins: 'measure of a rejoin beside the same by hand',
  hasOwnClock: 'server that goes by a clock of its own',
} as const;

export type Ability = keyof typeof ABILITIES;
export type Lacks = Readonly<Partial<Record<Ability, string>>>;

/** Why not, as a sentence; undefined: all of it is there. */
export function whyLacking(
  { called, lacks }: Pick<EngineKit, 'called' | 'lacks'>,
  needs: readonly Ability[],
): string | undefined {
  const missing = needs.find((ability) => lacks[ability] !== undefined);
  return missing && `${called} has no ${ABILITIES[missing]} here: ${lacks[missing] ?? ''}`;
}

export interface ServersOptions {
  readonly folder: string;
  readonly size: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly fsync: boolean;
  /** One replica, whichever, confirms every write; never asked of an engine that lacks `confirms`. */
  readonly synchronous: boolean;
  /** One for each; default: here. */
  readonly places: readonly Place[];
  /** One for each; default: the folder. */
  readonly disks: readonly Disk[];
}
