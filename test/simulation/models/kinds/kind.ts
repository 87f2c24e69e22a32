/** What engines differ in, by name: the models of database and engine ask for these, and never for an engine. */
import type { EngineName } from '#core/position.js';
import type { Log } from '#test/simulation/models/log.js';
import type { Random } from '#test/simulation/world/random.js';

export interface EngineKind {
  readonly name: EngineName;
  /** Backends can outlive a killed server, and commit. */
  readonly hasOrphans: boolean;
  /** A marker in the data makes it come up closed; else its configuration does, always. */
  readonly bootsByMarker: boolean;
  /** A start applies what was received, and a replica goes on receiving by itself. */
  readonly resumesByItself: boolean;
  /** A seal leaves what was received unapplied until the opening; else it applies it first, for it does not last. */
  readonly sealsUnapplied: boolean;
  /** The mark is written while clients are still kept out; else it is the first write of an open server. */
  readonly marksWhileClosed: boolean;
  /** A stop, and a fence with time to spare, hands the log over to whoever receives. */
  readonly handsOver: boolean;
  /** A fence ends the server; else it closes it, and leaves it running for its log's sake. */
  readonly fenceStops: boolean;
  /** Data and log are in memory: what a server that ended is started with is older, or nothing. */
  readonly isVolatile: boolean;
  /** A leader tells which of those that are connected confirm nothing any more. */
  readonly seesSilence: boolean;
  /** A replica tells that nothing comes from its leader any more, not even a sign of life. */
  readonly hearsSilence: boolean;
  /** A log that has diverged can be taken back. */
  readonly rewinds: boolean;
  /** Of one server: `index` is its place among the cluster's. */
  newLog(dataId: string, index: number, cluster: Random): Log;
}
