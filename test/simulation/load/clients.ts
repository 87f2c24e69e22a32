/** Clients that never stop trying: long-lived sessions, appends of unique values, each recorded as ok, failed or unknown. */
import type { Append } from '#test/history/append-history.js';
import type { Database } from '#test/simulation/models/database.js';
import { type Host, Process } from '#test/simulation/world/host.js';
import type { Network } from '#test/simulation/world/network.js';
import type { Random } from '#test/simulation/world/random.js';

const ANSWER_WITHIN_MS = 1500;

interface Connected {
  readonly db: Database;
  readonly server: Process;
}

export class Client {
  readonly #key: number;
  readonly #process: Process;
  readonly #databases: readonly Database[];
  readonly #network: Network;
  readonly #random: Random;
  readonly #history: Append[];
  readonly #thinkMs: number;
  #session: Connected | undefined;
  #turn: number;

  constructor(
    key: number,
    host: Host,
    databases: readonly Database[],
    network: Network,
    random: Random,
    history: Append[],
    thinkMs: number,
  ) {
    this.#key = key;
    this.#process = new Process(host, `client ${key}`);
    this.#databases = databases;
    this.#network = network;
    this.#random = random;
    this.#history = history;
    this.#thinkMs = thinkMs;
    this.#turn = key;
    this.#next();
  }

  stop(): void {
    this.#process.kill();
  }

  #next(): void {
    this.#process.after(this.#random.between(0.5, 1.5) * this.#thinkMs, () => this.#write());
  }

  #write(): void {
    const session = this.#session ?? this.#connect();
    if (session === undefined) return this.#next();
    const { db, server } = session;
    const op: Append = {
      key: this.#key,
      value: this.#history.length + 1,
      began: this.#now(),
      ended: Number.POSITIVE_INFINITY,
      outcome: 'unknown',
    };
    this.#history.push(op);
    let isOver = false;
    const end = (outcome: Append['outcome'], keeps: boolean): void => {
      if (isOver) return;
      isOver = true;
      op.outcome = outcome;
      if (outcome === 'ok') op.ended = this.#now();
      if (!keeps) this.#session = undefined;
      this.#next();
    };
    this.#process.after(ANSWER_WITHIN_MS, () => end('unknown', false));
    let isAsked = false;
    this.#network.send(this.#process.host, db.host, () => {
      // A connection delivers a request once.
      if (isAsked) return;
      isAsked = true;
      db.write(server, this.#key, op.value, (committed) => {
        this.#network.send(db.host, this.#process.host, () => {
          if (committed === 'ok') end('ok', true);
          else if (committed === 'refused') end('failed', false);
          else end('unknown', false);
        });
      });
    });
  }

  /** As a driver with several hosts: the next one that is there and accepts writes. */
  #connect(): Connected | undefined {
    const first = this.#turn;
    while (this.#turn < first + this.#databases.length) {
      const db = this.#databases[this.#turn % this.#databases.length];
      const { server } = db ?? {};
      const isOpen = db !== undefined && this.#network.isOpenBothWays(this.#process.host, db.host);
      if (isOpen && server?.isRunning === true && db.isServing && db.role === 'writable') {
        this.#session = { db, server };
        return this.#session;
      }
      this.#turn += 1;
    }
    return undefined;
  }

  #now(): number {
    return this.#process.host.timeline.now;
  }
}
