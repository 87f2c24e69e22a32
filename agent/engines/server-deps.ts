/** What every engine is given beside its configuration. */
import type { MonotonicMs, WallMs } from '#core/brand.js';
import type { CopySource, TailSource } from '#agent/ports/engine.js';
import type { Log } from '#core/log.js';

export interface ServerDeps {
  /** The name by which the cluster knows this member. */
  readonly member: string;
  /** For what outlives the agent; exists. */
  readonly stateDir: string;
  readonly tailSource: TailSource;
  readonly copySource: CopySource;
  readonly now: () => MonotonicMs;
  /** On the wall, for what is kept for days. */
  readonly wallNow: () => WallMs;
  readonly log: Log;
}
