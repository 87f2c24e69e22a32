/** One receiver's connection to its upstream: batches in order, each acknowledged once it is on the receiver's disk. */
import type { Entry, Log } from '#test/simulation/models/log.js';
import type { Host, Process } from '#test/simulation/world/host.js';
import type { Network } from '#test/simulation/world/network.js';

/** Either end. */
export interface Streaming {
  readonly name: string;
  readonly host: Host;
  readonly log: Log;
  readonly server: Process | undefined;
  readonly followers: Set<Stream>;
  /** It says that it confirms, where the leader cannot name those who do. */
  readonly confirms: boolean;
  /** A mistake that is planted. */
  readonly confirmsUnwritten: boolean;
  readonly around: { readonly network: Network };
  /** Until what was received is as safe as it gets. */
  writeMs(): number;
  receive(base: number, entries: readonly Entry[]): boolean;
  flushReceived(count: number): void;
  streamEnded(stream: Stream): void;
  acknowledged(): void;
}

const LOOK_AGAIN_MS = 100;
/** A connection over which nothing comes is given up. */
const GIVE_UP_MS = 1500;

export class Stream {
  readonly from: Streaming;
  readonly to: Streaming;
  acknowledged: number;
  isAlive = true;
  /** As its receiver said when it connected. */
  readonly confirms: boolean;
  /** Since when the receiver owes a confirmation, and has given none since; undefined: it owes nothing. */
  #owesSince: number | undefined;
  #sent: number;
  #isBusy = false;
  #stuckSince: number | undefined;

  constructor(from: Streaming, to: Streaming) {
    this.from = from;
    this.to = to;
    this.confirms = to.confirms;
    this.#sent = to.log.length;
    this.acknowledged = to.log.flushed;
    from.followers.add(this);
  }

  end(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.from.followers.delete(this);
    this.to.streamEnded(this);
  }

  /** For how long nothing has been confirmed of what is to be, ms. */
  get stuckMs(): number {
    return this.#owesSince === undefined ? 0 : this.from.host.timeline.now - this.#owesSince;
  }

  pump(): void {
    const { from, to } = this;
    if (this.acknowledged < from.log.served) this.#owesSince ??= from.host.timeline.now;
    if (!this.isAlive || this.#isBusy || this.#sent >= from.log.served) return;
    const { server } = from;
    if (server === undefined) return this.end();
    this.#isBusy = true;
    if (!server.isRunning || !from.around.network.isOpenBothWays(from.host, to.host)) return this.#stuck();
    this.#stuckSince = undefined;
    const base = this.#sent;
    const batch = from.log.entries.slice(base, from.log.served);
    from.host.timeline.after(from.around.network.delay(from.host, to.host), () => this.#arrive(base, batch));
  }

  #stuck(): void {
    const { now } = this.from.host.timeline;
    this.#stuckSince ??= now;
    if (now - this.#stuckSince > GIVE_UP_MS) return this.end();
    this.from.host.timeline.after(LOOK_AGAIN_MS, () => {
      this.#isBusy = false;
      this.pump();
    });
  }

  #arrive(base: number, batch: readonly Entry[]): void {
    const { from, to } = this;
    if (!this.isAlive) return;
    if (!from.around.network.isOpen(from.host, to.host)) return this.#stuck();
    to.server?.receive(() => {
      if (!this.isAlive) return;
      if (!to.receive(base, batch)) return this.end();
      this.#sent = base + batch.length;
      if (to.confirmsUnwritten) this.#confirm(base + batch.length);
      to.host.timeline.after(to.writeMs(), () => this.#onDisk(base + batch.length));
    });
  }

  /** The receiver writes what it has received, also when its connection has ended meanwhile. */
  #onDisk(count: number): void {
    const { to } = this;
    if (to.server === undefined || to.log.length < count) return;
    to.flushReceived(count);
    if (!this.isAlive) return;
    this.#isBusy = false;
    this.#confirm(count);
    this.pump();
  }

  #confirm(count: number): void {
    const { from, to } = this;
    from.host.timeline.after(from.around.network.delay(to.host, from.host), () => {
      if (!this.isAlive || !from.around.network.isOpen(to.host, from.host)) return;
      this.acknowledged = Math.max(this.acknowledged, count);
      this.#owesSince = this.acknowledged < from.log.served ? from.host.timeline.now : undefined;
      from.acknowledged();
    });
  }
}
