/**
 * A machine: a clock whose rate is a little off, and processes that can be stopped, continued and killed. What arrives for a stopped
 * process waits; when it goes on, its timers come before what was sent to it.
 */
import { asMonotonic, asWall, type MonotonicMs, type WallMs } from '#core/brand.js';
import type { Random } from '#test/simulation/world/random.js';
import type { Timeline, Timer } from '#test/simulation/world/timeline.js';

export class Host {
  readonly name: string;
  readonly timeline: Timeline;
  /** Its clock's advance per true millisecond. */
  readonly rate: number;
  isUp = true;
  readonly processes = new Set<Process>();
  #offset: number;
  /** Local time that passed while the machine slept: the boot-time clock saw it, the monotonic one did not. */
  #asleepMs = 0;

  constructor(name: string, rate: number, timeline: Timeline, random: Random) {
    this.name = name;
    this.rate = rate;
    this.timeline = timeline;
    this.#offset = random.between(0, 1e6);
  }

  /** The clock of expiries: counts what the machine slept. */
  now(): MonotonicMs {
    return asMonotonic(this.#offset + this.timeline.now * this.rate);
  }

  /** The clock of waits: stands still in a sleep. */
  waitingNow(): MonotonicMs {
    return asMonotonic(this.#offset + this.timeline.now * this.rate - this.#asleepMs);
  }

  /** Milliseconds since the run began, as a machine with NTP knows them; damping alone looks at it. */
  wall(): WallMs {
    return asWall(this.timeline.now);
  }

  /** The machine sleeps: everything in it stands still, and so does its monotonic clock. */
  sleep(ms: number): void {
    const awake = [...this.processes].filter((process) => !process.isStopped);
    for (const process of awake) process.stop();
    const local = ms * this.rate;
    this.timeline.after(ms, () => {
      this.#asleepMs += local;
      for (const process of awake) process.goOn();
    });
  }

  /** Everything that runs on it ends at once; its clock begins anew when it is up again. */
  crash(): void {
    this.isUp = false;
    for (const process of [...this.processes]) process.kill();
  }

  boot(random: Random): void {
    this.isUp = true;
    this.#offset = random.between(0, 1e6);
    this.#asleepMs = 0;
  }
}

export class Process {
  readonly host: Host;
  readonly name: string;
  isAlive = true;
  isStopped = false;
  readonly #timers: (() => void)[] = [];
  readonly #messages: (() => void)[] = [];
  readonly #onExit: (() => void)[] = [];

  constructor(host: Host, name: string) {
    this.host = host;
    this.name = name;
    host.processes.add(this);
  }

  get isRunning(): boolean {
    return this.isAlive && !this.isStopped;
  }

  /** Something reaches the process: now, when it goes on, or never. */
  receive(happen: () => void): void {
    if (!this.isAlive) return;
    if (this.isStopped) this.#messages.push(happen);
    else happen();
  }

  /** `localMs` on this machine's own clock. */
  after(localMs: number, happen: () => void): Timer {
    return this.host.timeline.after(localMs / this.host.rate, () => {
      if (!this.isAlive) return;
      if (this.isStopped) this.#timers.push(happen);
      else happen();
    });
  }

  onExit(happen: () => void): void {
    this.#onExit.push(happen);
  }

  stop(): void {
    this.isStopped = true;
  }

  goOn(): void {
    if (!this.isAlive || !this.isStopped) return;
    this.isStopped = false;
    for (const waiting of [this.#timers, this.#messages]) {
      for (const happen of waiting.splice(0)) {
        // What goes on may end it, or stop it again.
        if (this.isRunning) happen();
        else waiting.push(happen);
      }
    }
  }

  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.host.processes.delete(this);
    for (const happen of this.#onExit) happen();
  }
}
