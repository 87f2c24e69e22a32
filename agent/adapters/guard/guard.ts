/**
 * Keeps one guard beside this agent. A guard is found by its socket in the agent's folder; it outlives agents, and each agent takes
 * it over. One that cannot be used any more (another version, other data) is replaced without a gap: the new one holds the same
 * order before it takes the name, and by losing its name the old one knows that it is replaced.
 */
import { rm, rename, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DurationMs, MonotonicMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { deadlineOf, onClock, readClocks } from '#agent/adapters/guard/instants.js';
import { type Guarded, launchGuard, logFileOf, nameOf } from '#agent/adapters/guard/launch.js';
import { type Link, createLink } from '#agent/adapters/guard/link.js';
import { type SentOrder, VERSION, isSameOrder } from '#agent/adapters/guard/messages.js';
import type { Guard, GuardEvent, GuardOrder } from '#agent/ports/guard.js';
import type { Log } from '#core/log.js';

export interface GuardDeps {
  readonly stateDir: string;
  readonly engine: Guarded;
  /** F, asked with each order: the cluster's profile may change. */
  readonly fenceMs: () => DurationMs;
  readonly now: () => MonotonicMs;
  readonly log: Log;
}

export const SOCKET = 'guard.sock';
const LONGEST_SOCKET_PATH = 107;

const ANSWER_WITHIN_MS = 1_000;
const START_WITHIN_MS = 5_000;
const RETRY_AFTER_MS = 1_000;
const LEAVE_WITHIN_MS = 2_000;

/** Throws CONFIG_INVALID when the socket's path would be too long. */
export function createGuard(deps: GuardDeps): Guard {
  const { stateDir, now, log } = deps;
  const guarded = guardedOf(deps.engine);
  const path = socketPath(stateDir);
  let emit: (event: GuardEvent) => void = () => undefined;
  /** To the guard that stands, or to one that is about to. */
  let link: Link | undefined;
  /** What the guard is to hold: as it was sent, and as this agent said it. */
  let wanted: { readonly sent: SentOrder; readonly order: GuardOrder } | undefined;
  let goal: 'keep' | 'leave' | 'dismiss' = 'keep';
  let replacing: Promise<void> = Promise.resolve();
  /** A guard is kept again only after the one before is gone, and nobody looks after that one any more. */
  let keeping: Promise<void> = Promise.resolve();
  let dismissing: Promise<void> = Promise.resolve();
  let wishes = 0;

  async function dial(): Promise<Link | undefined> {
    const socket = connect(path);
    const dialled = createLink(socket, stateDir, onAnswer);
    if (await dialled.until(() => dialled.isStanding(), ANSWER_WITHIN_MS)) {
      const held = dialled.order();
      if (held !== undefined && isKept()) wanted ??= { sent: held, order: toOrder(held) };
      return dialled;
    }
    socket.destroy();
    return undefined;
  }

  async function keep(): Promise<void> {
    while (isKept()) {
      link ??= await dial();
      if (!isKept()) return;
      if (link === undefined || !isFit(link)) await (replacing = replace(link));
      const mine = link;
      if (mine === undefined) {
        await sleep(RETRY_AFTER_MS, undefined, { ref: false });
        continue;
      }
      if (wanted !== undefined) mine.send({ kind: 'arm', order: wanted.sent });
      else onAnswer(mine);
      const because = await mine.closed;
      if (link === mine) link = undefined;
      if (!isKept()) return;
      log('warn', 'GUARD_LOST', { because });
      emit({ kind: 'guard-lost', text: because });
    }
  }

  /** Starts a guard, arms it, and lets it stand in place of the old one, which goes on if that fails. */
  async function replace(old: Link | undefined): Promise<void> {
    try {
      const fresh = await launch();
      if (goal === 'dismiss') return await fresh.leave();
      // From here on orders go to the new one; the agent hears of them once it stands.
      link = fresh;
      if (wanted !== undefined) fresh.send({ kind: 'arm', order: wanted.sent });
      fresh.send({ kind: 'stand' });
      if (!(await fresh.until(() => fresh.isStanding(), START_WITHIN_MS))) {
        await fresh.leave();
        throw new Error(`the new one could not take its place; ${logFileOf(stateDir)} may say why`);
      }
      log('info', 'GUARD_STARTED', { pid: fresh.hello()?.pid ?? 0 });
      await old?.dismiss();
    } catch (error) {
      link = old;
      if (wanted !== undefined) old?.send({ kind: 'arm', order: wanted.sent });
      log('warn', 'GUARD_NOT_STARTED', { because: String(error) });
      if (old === undefined) emit({ kind: 'guard-lost', text: String(error) });
    }
  }

  async function launch(): Promise<Link> {
    const socket = await launchGuard(stateDir, guarded);
    const fresh = createLink(socket, stateDir, onAnswer);
    if (await fresh.until(() => fresh.hello() !== undefined, START_WITHIN_MS)) return fresh;
    socket.destroy();
    throw new Error(`the new one did not come up; ${logFileOf(stateDir)} may say why`);
  }

  const isKept = (): boolean => goal === 'keep';

  const isFit = (other: Link): boolean => {
    const hello = other.hello();
    return hello?.version === VERSION && hello.dataDir === nameOf(guarded);
  };

  function onAnswer(from: Link): void {
    if (from !== link || goal === 'dismiss' || !from.isStanding()) return;
    const held = from.order();
    // It refused ours: what it holds is what the next guard must hold too.
    if (held !== undefined && wanted !== undefined && held.epoch > wanted.sent.epoch)
      wanted = { sent: held, order: toOrder(held) };
    emit({ kind: 'guard-standing', order: held && toOrder(held) });
  }

  /** Our own order as it was given; a conversion there and back would be off by a hair. */
  function toOrder(held: SentOrder): GuardOrder {
    if (wanted !== undefined && isSameOrder(held, wanted.sent)) return wanted.order;
    return { epoch: held.epoch, until: onClock(held.until, now(), readClocks()) };
  }

  return {
    async takeOver() {
      link = await dial();
      const held = link?.order();
      return held && toOrder(held);
    },
    start(tell) {
      emit = tell;
      const mine = ++wishes;
      keeping = Promise.all([keeping, dismissing]).then(() => {
        if (mine !== wishes) return undefined;
        goal = 'keep';
        return keep();
      });
    },
    arm(order) {
      const until = deadlineOf(order.until, now(), readClocks());
      wanted = { sent: { epoch: order.epoch, until, fenceMs: deps.fenceMs() }, order };
      // One that is being dismissed gets no more orders: its answer would say that it stands.
      if (goal !== 'dismiss') link?.send({ kind: 'arm', order: wanted.sent });
    },
    async leave() {
      wishes += 1;
      goal = 'leave';
      await Promise.race([replacing, sleep(LEAVE_WITHIN_MS, undefined, { ref: false })]);
      await link?.leave();
    },
    dismiss() {
      wishes += 1;
      goal = 'dismiss';
      wanted = undefined;
      dismissing = dismissing.then(dismissStanding);
      return dismissing;
    },
  };

  async function dismissStanding(): Promise<void> {
    await replacing;
    const standing = link ?? (await dial());
    await standing?.dismiss();
    link = undefined;
    if (standing !== undefined) await rm(path, { force: true });
    else await takeNameAway(path);
  }
}

/** Of a configuration, which says much more, what a guard needs. */
const guardedOf = ({ kind, dataDir, call }: Guarded): Guarded => ({
  ...{ kind, dataDir },
  ...(call !== undefined && { call }),
});

function socketPath(stateDir: string): string {
  const path = join(stateDir, SOCKET);
  const bytes = Buffer.byteLength(path);
  if (bytes <= LONGEST_SOCKET_PATH) return path;
  throw new TanistError(
    'CONFIG_INVALID',
    `stateDir: the path of the guard's socket, ${path}, has ${bytes} bytes; ${LONGEST_SOCKET_PATH} is the most that a socket's may have`,
    'give the agent a stateDir with a shorter path',
  );
}

/** From a guard that stands but does not answer: should it wake, it sees that the name is not its own any more, and leaves. */
async function takeNameAway(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  await writeFile(`${path}.none`, '', { mode: 0o600 });
  await rename(`${path}.none`, path);
}
