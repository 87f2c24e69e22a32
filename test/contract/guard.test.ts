// The guard beside a real PostgreSQL: sessions write on until the deadline and never after it, whatever becomes of the agent; and
// nothing is closed that may be open, whatever becomes of the guard.
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type Socket, connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { NEVER, asEpoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { createGuard } from '#agent/adapters/guard/guard.js';
import { launchGuard } from '#agent/adapters/guard/launch.js';
import { onLines } from '#agent/adapters/guard/lines.js';
import { type FromAgent, type SentOrder, decodeFromAgent, encode } from '#agent/adapters/guard/messages.js';
import { readProcess } from '#agent/engines/process-table.js';
import { type PostgresServer, createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, sendSignal, stopAll, waitFor } from '#test/cluster/processes.js';
import {
  type Agent,
  FENCE_MS,
  createAgent,
  engineConfig,
  fromNow,
  goneFrom,
  guardIn,
  guardsIn,
  isHeld,
  lastWriteAt,
  machineNow,
  now,
  startAgent,
} from '#test/contract/guard-members.js';
import { careFor, connect, stopCaring } from '#test/contract/postgres-members.js';
import { type Load, prepareLoad, startLoad } from '#test/load/writers.js';

/** A writer's clock and the guard's are read on two processors that others use too. */
const SLACK_MS = 50;

describe('the guard', { timeout: 30_000 }, () => {
  let folder: string;
  let server: PostgresServer;
  let template: string;
  let stateDir: string;
  let number = 0;

  beforeAll(async () => {
    folder = createRunFolder('guard');
    server = await createPrimary({ dir: folder, name: 'ann', fsync: false });
    await server.start();
    await prepareLoad(server);
    await server.stop('fast');
    template = `${server.dir}.template`;
    execFileSync('cp', ['--archive', server.dir, template]);
    await server.start();
  }, 60_000);

  afterAll(stopAll, 30_000);

  beforeEach(() => {
    stateDir = join(folder, `state-${++number}`);
    mkdirSync(stateDir);
  });

  /** Every test begins with the same open server, whatever lines of history the one before it made, and no guard. */
  afterEach(async () => {
    await Promise.all(agents.splice(0).map(({ guard }) => guard.leave()));
    for (const pid of guardsIn(stateDir)) sendSignal(pid, 'SIGKILL');
    await goneFrom(stateDir);
    server.resume();
    await server.stop('immediate');
    rmSync(server.dir, { recursive: true });
    execFileSync('cp', ['--archive', template, server.dir]);
    await server.start();
  });

  const marker = (): string => join(server.dir, 'standby.signal');
  const agents: Agent[] = [];
  const agent = (): Agent => {
    const made = createAgent(stateDir, server.dir);
    agents.push(made);
    return made;
  };
  const write = (): Load => startLoad([server], `run ${number}`, { writers: 4, pauseMs: 0 });
  const isOpen = async (): Promise<boolean> => {
    const [row] = await server.query<{ closed: boolean }>('select pg_is_in_recovery() as closed');
    return row?.closed === false;
  };
  const untilStopped = (): Promise<boolean> =>
    waitFor(() => server.processes().length === 0, {
      timeoutMs: 5_000,
      what: 'the server to be stopped',
      everyMs: 2,
    });

  /** Stops the writers once it is long too late, and holds the last acknowledgement against the deadline. */
  async function expectWritesUntil(deadline: number, load: Load): Promise<void> {
    await waitFor(() => machineNow() > deadline + FENCE_MS + 300, {
      timeoutMs: 10_000,
      what: 'F to be over',
    });
    await load.stop();
    expect(lastWriteAt(load)).toBeGreaterThan(deadline - SLACK_MS);
    expect(lastWriteAt(load)).toBeLessThan(deadline + FENCE_MS);
    expect(server.processes()).toEqual([]);
    expect(existsSync(marker())).toBe(true);
  }

  describe('closes the database in time', () => {
    it('beside an agent that was killed', async () => {
      const load = write();
      const killed = startAgent(server, stateDir, 1_200);
      const { untilMs = 0 } = await killed.said('guard-standing');
      killed.process.kill('SIGKILL');
      await expectWritesUntil(untilMs, load);
      expect(load.failures()).toBe(4);
    });

    it('beside an agent that was stopped, which sees when it wakes that it was not an administrator', async () => {
      stateDir = `${server.dir}.state`;
      const beside = careFor(server);
      await beside.until('a server that serves', ({ state }) => state === 'running');
      const load = write();
      const stopped = startAgent(server, stateDir, 1_200);
      const { untilMs = 0 } = await stopped.said('guard-standing');
      stopped.process.kill('SIGSTOP');
      await expectWritesUntil(untilMs, load);
      await beside.until('to be told fenced', ({ state }) => state === 'fenced');
      await stopCaring();
      stopped.process.kill('SIGKILL');
    });

    it('when the server is stopped too and hears nothing', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      const order = arm(fromNow(400));
      await armed(order);
      server.pause();
      await untilStopped();
      expect(now()).toBeLessThan(order.until + FENCE_MS);
    });

    it('when its postmaster is dead and an orphan commits on', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(fromNow(800)));
      await server.query('create table if not exists counted (n bigint)');
      const busy = await connect(server);
      const loop = 'do $$ begin loop insert into counted values (1); commit; end loop; end $$';
      void busy.query(loop).catch(() => undefined);
      await waitFor(async () => (await server.query('select from counted limit 1')).length > 0, {
        timeoutMs: 500,
        what: 'the first commit',
      });
      server.kill('SIGKILL');
      await untilStopped();
    });

    it('again, after somebody started it open', async () => {
      const { guard, arm } = agent();
      guard.start(() => undefined);
      arm(fromNow(200));
      await untilStopped();
      rmSync(marker());
      await server.start({ awaitReady: false });
      await waitFor(() => server.pid() !== undefined, { timeoutMs: 5_000, what: 'a server', everyMs: 2 });
      await untilStopped();
      expect(existsSync(marker())).toBe(true);
    });

    it('again, after somebody promoted it', async () => {
      const { guard, arm } = agent();
      guard.start(() => undefined);
      arm(fromNow(200));
      await untilStopped();
      await server.start();
      await server.query('select pg_promote(false)');
      await untilStopped();
    });

    it('when its promotion was asked for and may go through at any time', async () => {
      await server.stop('fast');
      layMarker();
      await server.start();
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(fromNow(-1_000)));
      const postmaster = readProcess(server.pid() ?? 0);
      writeFileSync(join(stateDir, 'postmaster-promoted.json'), JSON.stringify(postmaster));
      await untilStopped();
    });

    it('when it is told to end before', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(fromNow(60_000)));
      await guard.leave();
      sendSignal(await guardIn(stateDir), 'SIGTERM');
      await goneFrom(stateDir);
      expect(server.processes()).toEqual([]);
      expect(existsSync(join(stateDir, 'postmaster-fenced.json'))).toBe(true);
    });
  });

  describe('leaves the database open', () => {
    const HOLD_MS = 1_000;
    /** Longer than any deadline of these tests and the fence after it. */
    const waitLong = (): Promise<void> => sleep(HOLD_MS + FENCE_MS + 300);

    it('while its agent renews the deadline', async () => {
      const { guard, arm, armed, events } = agent();
      const load = write();
      guard.start(() => undefined);
      for (let renewed = 0; renewed < 15; renewed++) {
        await armed(arm(fromNow(1_000)));
        await sleep(200);
      }
      await load.stop();
      expect(load.failures()).toBe(0);
      expect(events.filter(({ kind }) => kind === 'guard-lost')).toEqual([]);
    });

    it('while an agent dies and the next one takes over what is left, and extends it', async () => {
      const load = write();
      const first = startAgent(server, stateDir, 1_500);
      const { untilMs = 0 } = await first.said('guard-standing');
      const standing = await guardIn(stateDir);
      first.process.kill('SIGKILL');
      const second = startAgent(server, stateDir, 60_000);
      const takenOver = await second.said('took-over');
      expect(takenOver.epoch).toBe(1);
      expect(Math.abs((takenOver.untilMs ?? 0) - untilMs)).toBeLessThan(20);
      await second.said('guard-standing', (said) => (said.untilMs ?? 0) > untilMs + 10_000);
      await waitFor(() => machineNow() > untilMs + FENCE_MS, { timeoutMs: 5_000, what: 'the old deadline' });
      await load.stop();
      expect(load.failures()).toBe(0);
      expect(guardsIn(stateDir)).toEqual([standing]);
      second.process.kill('SIGKILL');
    });

    it('while the order has no end, and closes it when it is given one', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(fromNow(HOLD_MS)));
      await armed(arm(NEVER));
      await waitLong();
      expect(await isOpen()).toBe(true);
      arm(fromNow(100));
      await untilStopped();
    });

    it('while it was never armed', async () => {
      const { guard, next } = agent();
      expect(await guard.takeOver()).toBeUndefined();
      guard.start(() => undefined);
      await next('a guard', (event) => isHeld(event, undefined), 0);
      await waitLong();
      expect(await isOpen()).toBe(true);
      sendSignal(await guardIn(stateDir), 'SIGTERM');
      await waitFor(isOpen, { timeoutMs: 1_000, what: 'an answer' });
    });

    it('once it is dismissed', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(fromNow(HOLD_MS)));
      await guard.dismiss();
      await goneFrom(stateDir);
      await waitLong();
      expect(await isOpen()).toBe(true);
      expect(existsSync(join(stateDir, 'guard.sock'))).toBe(false);
    });

    it('once it is dismissed; and closes it when another order, given since, ends', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(fromNow(HOLD_MS), 2n));
      const dismissed = guard.dismiss();
      guard.start(() => undefined);
      const held = arm(fromNow(2 * HOLD_MS), 3n);
      await dismissed;
      await armed(held);
      expect(guardsIn(stateDir)).toHaveLength(1);
      expect(await isOpen()).toBe(true);
      await untilStopped();
    });

    it('once it is dismissed while it is stopped, and wakes', async () => {
      const first = agent();
      first.guard.start(() => undefined);
      await first.armed(first.arm(fromNow(1_500)));
      await first.guard.leave();
      const stopped = await guardIn(stateDir);
      sendSignal(stopped, 'SIGSTOP');
      await agent().guard.dismiss();
      await sleep(1_000);
      sendSignal(stopped, 'SIGCONT');
      await goneFrom(stateDir);
      expect(await isOpen()).toBe(true);
    });

    it('when a lower epoch than the one it holds is given', async () => {
      const { guard, arm, armed, next } = agent();
      guard.start(() => undefined);
      const held = arm(NEVER, 2n);
      await armed(held);
      arm(fromNow(HOLD_MS), 1n);
      const answer = await next('the refusal', ({ kind }) => kind === 'guard-standing');
      expect(answer).toEqual({ kind: 'guard-standing', order: held });
      await waitLong();
      expect(await isOpen()).toBe(true);
    });
  });

  it('leaves a closed server alone: its start after a crash, who reads there, its stop by others', async () => {
    const { guard, arm, armed } = agent();
    guard.start(() => undefined);
    await armed(arm(NEVER));
    server.kill('SIGKILL');
    await untilStopped();
    layMarker();
    const hasStarted = server.start();
    // The control file says "in production" until the server has come up far enough to know better.
    await waitFor(
      async () => {
        arm(fromNow(-1_000));
        return (await Promise.race([hasStarted.then(() => 'started'), sleep(2)])) === 'started';
      },
      { timeoutMs: 10_000, what: 'the start', everyMs: 1 },
    );
    const postmaster = server.pid();
    const reader = await connect(server);
    await sleep(600);
    server.kill('SIGTERM'); // waits for its clients
    await sleep(600);
    expect((await reader.query('select pg_is_in_recovery() as closed')).rows).toEqual([{ closed: true }]);
    expect(server.pid()).toBe(postmaster);
    await reader.end();
    await untilStopped();
    expect(readFileSync(join(stateDir, 'guard.log'), 'utf8')).not.toContain('GUARD_FENCES');
  });

  describe('is kept standing', () => {
    it('when it is killed: another one is armed at once, and closes the database in time', async () => {
      const { guard, arm, armed, next } = agent();
      const load = write();
      guard.start(() => undefined);
      const order = arm(fromNow(2_000));
      await armed(order);
      const [killed] = [await guardIn(stateDir)];
      const killedAt = now();
      sendSignal(killed, 'SIGKILL');
      await next('its loss', ({ kind }) => kind === 'guard-lost');
      await next('another', (event) => isHeld(event, order));
      expect(now() - killedAt).toBeLessThan(1_000);
      expect(guardsIn(stateDir)).not.toContain(killed);
      expect(load.failures()).toBe(0);
      const deadline = machineNow() + (order.until - now());
      await guard.leave();
      await expectWritesUntil(deadline, load);
    });

    it('when it is stopped: another one takes its place, and it is ended', async () => {
      const { guard, arm, armed, next } = agent();
      guard.start(() => undefined);
      const order = arm(NEVER);
      await armed(order);
      const stopped = await guardIn(stateDir);
      sendSignal(stopped, 'SIGSTOP');
      arm(NEVER, 2n);
      await next('another', (event) => event.kind === 'guard-standing' && event.order?.epoch === 2n);
      expect(guardsIn(stateDir)).toHaveLength(1);
      expect(guardsIn(stateDir)).not.toContain(stopped);
    });

    it('when the agent leaves, for the next one, with what it holds', async () => {
      const first = agent();
      first.guard.start(() => undefined);
      const order = first.arm(fromNow(10_000), 7n);
      await first.armed(order);
      const standing = await guardIn(stateDir);
      await first.guard.leave();
      for (const signal of ['SIGHUP', 'SIGINT'] as const) sendSignal(standing, signal);
      const takenOver = await agent().guard.takeOver();
      expect(takenOver?.epoch).toBe(7n);
      expect(Math.abs((takenOver?.until ?? 0) - order.until)).toBeLessThan(20);
      expect(guardsIn(stateDir)).toEqual([standing]);
    });

    it('once it can be started, and its agent is told as long as it cannot', async () => {
      rmSync(stateDir, { recursive: true });
      const { guard, arm, armed, next } = agent();
      guard.start(() => undefined);
      const order = arm(NEVER);
      await next('the failure', ({ kind }) => kind === 'guard-lost', 0);
      mkdirSync(stateDir);
      await armed(order);
    });

    it('in a new folder, when the old one was put aside: the one that was left there goes', async () => {
      const first = agent();
      first.guard.start(() => undefined);
      await first.armed(first.arm(fromNow(3_000)));
      const left = await guardIn(stateDir);
      await first.guard.leave();
      renameSync(stateDir, `${stateDir}.aside`);
      mkdirSync(stateDir);
      const second = agent();
      second.guard.start(() => undefined);
      await second.armed(second.arm(NEVER));
      await waitFor(() => !existsSync(`/proc/${left}`), { timeoutMs: 2_000, what: 'the old one to go' });
      expect(await isOpen()).toBe(true);
    });

    it('in place of one of another version, which goes once the new one holds the same', async () => {
      const order: SentOrder = { epoch: asEpoch(3n), until: 'never', fenceMs: FENCE_MS };
      const { guard, arm, next, events } = agent();
      const heard: FromAgent[] = [];
      let heldWhenDismissed: unknown;
      const old = createServer((socket) => {
        socket.write(`${JSON.stringify({ kind: 'hello', version: 99, pid: 1, dataDir: server.dir })}\n`);
        socket.write(encode({ kind: 'holds', order, standing: true }));
        onLines(socket, (line) => {
          const message = decodeFromAgent(line);
          if (message !== undefined) heard.push(message);
          if (message?.kind !== 'dismiss') return;
          heldWhenDismissed = events.at(-1);
          socket.destroy();
        });
      }).listen(join(stateDir, 'guard.sock'));
      onTestFinished(() => {
        old.close();
      });
      const takenOver = await guard.takeOver();
      expect(takenOver).toEqual({ epoch: 3n, until: NEVER });
      guard.start(() => undefined);
      await next('the new one', (event) => isHeld(event, takenOver), 0);
      await waitFor(() => heard.at(-1)?.kind === 'dismiss', { timeoutMs: 5_000, what: 'the old one to go' });
      expect(heldWhenDismissed).toEqual({ kind: 'guard-standing', order: takenOver });
      expect(guardsIn(stateDir)).toHaveLength(1);
      arm(NEVER, 4n);
      await next('its next order', (event) => event.kind === 'guard-standing' && event.order?.epoch === 4n);
    });
  });

  describe('as a process', () => {
    it('serves one agent, the latest', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(NEVER));
      await guard.leave();
      const [older, newer] = [await dial(), await dial()];
      await waitFor(() => older.socket.destroyed, { timeoutMs: 1_000, what: 'the older to be cut off' });
      expect(newer.socket.destroyed).toBe(false);
    });

    it.each([
      ['torn', '{"kind":"arm","order":{"epoch":"9","until":"never"'],
      ['without its end', 'x'.repeat(20_000)],
      ['of another language', '{"kind":"arm","order":{"epoch":9,"until":null,"fenceMs":500}}\n'],
    ])('ends the connection for a message %s, and holds what it held', async (_, message) => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      const order = arm(fromNow(60_000));
      await armed(order);
      await guard.leave();
      const { socket } = await dial();
      if (message.endsWith('\n')) socket.write(message);
      else socket.end(message);
      await waitFor(() => socket.destroyed, { timeoutMs: 1_000, what: 'the connection to end' });
      const takenOver = await agent().guard.takeOver();
      expect(takenOver?.epoch).toBe(1n);
      expect(Math.abs((takenOver?.until ?? 0) - order.until)).toBeLessThan(20);
    });

    it('can be reached by its owner only, and shows no password', async () => {
      vi.stubEnv('TANIST_POSTGRES_PASSWORD', 'sesame');
      onTestFinished(() => {
        vi.unstubAllEnvs();
      });
      const { guard, next } = agent();
      guard.start(() => undefined);
      await next('a guard', (event) => isHeld(event, undefined), 0);
      expect(statSync(join(stateDir, 'guard.sock')).mode & 0o777).toBe(0o600);
      const pid = await guardIn(stateDir);
      for (const file of ['cmdline', 'environ']) {
        expect(readFileSync(`/proc/${pid}/${file}`, 'latin1')).not.toMatch(/sesame|TANIST/);
      }
    });

    it('is in no group or session of its agent', async () => {
      const { guard, next } = agent();
      guard.start(() => undefined);
      await next('a guard', (event) => isHeld(event, undefined), 0);
      const pid = await guardIn(stateDir);
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [, , group, session] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      expect([group, session]).toEqual([pid, pid]);
    });

    it('ends with an agent that ends before it lets it stand', async () => {
      const socket = await launchGuard(stateDir, { kind: 'postgres', dataDir: server.dir });
      socket.on('error', () => undefined);
      await guardIn(stateDir);
      socket.destroy();
      await goneFrom(stateDir);
    });

    it('ends when its folder is gone and no server runs, not before', async () => {
      const { guard, arm, armed } = agent();
      guard.start(() => undefined);
      await armed(arm(NEVER));
      await guard.leave();
      const pid = await guardIn(stateDir);
      rmSync(stateDir, { recursive: true });
      await sleep(600);
      expect(existsSync(`/proc/${pid}`)).toBe(true);
      await server.stop('fast');
      await waitFor(() => !existsSync(`/proc/${pid}`), { timeoutMs: 2_000, what: 'the guard to end' });
    });

    it('is refused a folder whose path is too long for a socket', () => {
      const long = join(folder, 'x'.repeat(100));
      const create = (): unknown =>
        createGuard({
          ...{ stateDir: long, engine: engineConfig(server.dir), fenceMs: () => FENCE_MS, now },
          log: () => undefined,
        });
      expect(create).toThrow(TanistError);
      expect(create).toThrow(/CONFIG_INVALID.*107/);
    });
  });

  /** A raw connection, once the guard has said hello. */
  async function dial(): Promise<{ readonly socket: Socket }> {
    const socket = connectSocket(join(stateDir, 'guard.sock'));
    socket.on('error', () => undefined);
    const lines: string[] = [];
    onLines(socket, (line) => lines.push(line));
    await waitFor(() => lines.length === 2, { timeoutMs: 1_000, what: 'a hello' });
    return { socket };
  }

  function layMarker(): void {
    writeFileSync(marker(), '');
    if (server.uid !== undefined && server.gid !== undefined) chownSync(marker(), server.uid, server.gid);
  }
});
