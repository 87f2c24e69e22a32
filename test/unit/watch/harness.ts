/** What the cases of the guard need: a database that is open or closed, a machine that can sleep, and a guard that watches over it. */
export interface WatchBed {
  /** The guard's F. */
  readonly fenceMs: number;
  /** An order that ends so many milliseconds from now, on the machine's clocks; or never. */
  arm(endsInMs: number | 'never', epoch?: bigint): void;
  pass(ms: number): Promise<void>;
  /** The machine sleeps: its guard stands still meanwhile, and its monotonic clock too. */
  sleep(ms: number): Promise<void>;
  /** Somebody opens the database, whoever that is. */
  open(): void;
  /** It is in recovery, and stays there by itself. */
  close(): void;
  isOpen(): boolean;
  /** The agent ends the guard. */
  dismiss(): void;
  /** When the guard began to fence, in milliseconds since the bed was made. */
  readonly fencedAt: readonly number[];
  now(): number;
}
