// A member whose data cannot be rewound gets a copy of the leader's: on real servers, since what pg_basebackup needs and leaves, and what a server
// makes of a folder that took another one's place, is known only from trying.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import type { SalvagedRow } from '#core/salvage.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import { copyIdOf } from '#agent/engines/postgres/copy-id.js';
import { moveAside, ownFiles } from '#agent/engines/postgres/own-files.js';
import { noteRewind } from '#agent/engines/postgres/rewind-memo.js';
import { forgetSwap, type SwapMemo } from '#agent/engines/postgres/swap-data.js';
import type { ActionResult } from '#agent/ports/engine.js';
import { cloneReplica } from '#test/cluster/postgres.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { History } from '#test/contract/engine/history.js';
import { fence, follow, seal, start } from '#test/contract/engine/steps.js';
import {
  careFor,
  createPair,
  describeMember,
  type Member,
  part,
  stopCaring,
} from '#test/contract/postgres-members.js';

const WITHIN = asDuration(60_000);
const FOR_GOOD = asDuration(24 * 3_600_000);

afterEach(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);

interface More {
  readonly source?: Member;
  readonly wish?: string;
  readonly salvageWaived?: boolean;
}

const reclone = (
  member: Member,
  leader: Member,
  { openings }: History,
  more: More = {},
): Promise<ActionResult> =>
  member.engine.run({
    kind: 'reclone',
    leader: leader.planned,
    source: (more.source ?? leader).planned,
    instead: [],
    openings,
    wish: more.wish,
    salvageWaived: more.salvageWaived ?? false,
    timeoutMs: WITHIN,
  });

const stateDir = ({ deps }: Member): string => deps.stateDir;
const folders = (member: Member, name: string): string[] => {
  const folder = join(stateDir(member), name);
  return existsSync(folder) ? readdirSync(folder) : [];
};

/** With a slot of its own, as a plan has it. */
async function stream(member: Member, leader: Member, { openings }: History): Promise<void> {
  await leader.run({ kind: 'keepSlots', replicas: ['ann', 'bob', 'cat'], retentionBytes: 2 ** 30 });
  await follow(member, leader, openings);
}

async function expectItFollows(member: Member, leader: Member, history: History): Promise<void> {
  await start(member);
  const position = await seal(member);
  expect(['behind', 'equal']).toContain(S2_ancestry(position, history.openings));
  await stream(member, leader, history);
  await leader.server.query(`insert into kept values ('after')`);
  await member.server.waitUntilCaughtUpWith(leader.server);
  expect(await member.server.query(`select text from kept where text = 'after'`)).not.toHaveLength(0);
}

describe('a member whose log left the history of the leader', () => {
  it('gets a copy, keeps its own files, and leaves its writes and its old data behind', async () => {
    const { ann, bob, history } = await createPair('reclone');
    await part(ann, bob, history);
    await fence(ann);
    appendFileSync(join(ann.server.dir, 'mine.conf'), '# mine\n');
    appendFileSync(join(bob.server.dir, 'theirs.conf'), '# theirs\n');
    const before = await copyIdOf(ann.server.dir);
    const result = await reclone(ann, bob, history);
    expect(result).toEqual({ kind: 'recloned', copyId: await copyIdOf(ann.server.dir) });
    expect(await copyIdOf(ann.server.dir)).not.toBe(before);
    await expectItFollows(ann, bob, history);
    expect(await ann.server.query('select count(*)::int as n from lost')).toEqual([{ n: 0 }]);
    // Its own files, not the leader's.
    expect(readFileSync(join(ann.server.dir, 'mine.conf'), 'utf8')).toBe('# mine\n');
    expect(existsSync(join(ann.server.dir, 'theirs.conf'))).toBe(false);
    // Saved, and the old data as it was.
    const [salvage = ''] = folders(ann, 'salvage');
    const rows = readFileSync(join(stateDir(ann), 'salvage', salvage, 'rows.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const tables = rows.map((row) => (JSON.parse(row) as SalvagedRow).table);
    expect(tables.filter((name) => name.endsWith('lost'))).toHaveLength(500);
    const [old = ''] = folders(ann, 'old-data');
    expect(await copyIdOf(join(stateDir(ann), 'old-data', old))).toBe(before);
    // Nothing of the making is left.
    expect(folders(ann, 'copying')).toEqual([]);
    expect(ann.latest().copying).toBeUndefined();
  }, 120_000);

  it('also when a rewind was interrupted, whatever lies there', async () => {
    const { ann, bob, history } = await createPair('reclone-torn');
    await part(ann, bob, history);
    await fence(ann);
    appendFileSync(join(ann.server.dir, 'mine.conf'), '# mine\n');
    const server = await describeMember(ann.server);
    const memo = { leader: 'bob', ownFiles: ownFiles(ann.server.dir) };
    await noteRewind(server, { ...memo, phase: 'preparing' });
    await moveAside(server, memo.ownFiles);
    await noteRewind(server, { ...memo, phase: 'rewriting' });
    writeFileSync(join(ann.server.dir, 'global', 'pg_control'), 'torn');
    expect(await ann.engine.run({ kind: 'start' })).toMatchObject({ kind: 'failed', code: 'REWIND_BROKEN' });
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    expect(folders(ann, 'rewinding')).toEqual([]);
    await expectItFollows(ann, bob, history);
    expect(readFileSync(join(ann.server.dir, 'mine.conf'), 'utf8')).toBe('# mine\n');
  }, 120_000);

  it('not while its writes cannot be saved, unless somebody does without them', async () => {
    const { ann, bob, history } = await createPair('reclone-waived');
    await part(ann, bob, history);
    await fence(ann);
    // Where the salvage would be made lies something else.
    writeFileSync(join(stateDir(ann), 'salvage'), '');
    const before = await copyIdOf(ann.server.dir);
    const refused = await reclone(ann, bob, history);
    expect(refused).toMatchObject({ kind: 'failed', code: 'SALVAGE_FAILED' });
    expect(refused).toMatchObject({ text: expect.stringContaining('--waive-salvage') as string });
    expect(await copyIdOf(ann.server.dir)).toBe(before);
    expect(await ann.server.query('select count(*)::int as n from lost')).toEqual([{ n: 500 }]);
    expect(await reclone(ann, bob, history, { salvageWaived: true, wish: '3.7' })).toMatchObject({
      kind: 'recloned',
    });
    await expectItFollows(ann, bob, history);
  }, 120_000);
});

describe('a replica that an operator wants copied anew', () => {
  it('is copied once for each wish', async () => {
    const { ann, bob, history } = await createPair('reclone-wish');
    await ann.server.query('create table kept (text text)');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    expect(await reclone(bob, ann, history, { wish: '1.4' })).toMatchObject({ kind: 'recloned' });
    const copy = await copyIdOf(bob.server.dir);
    // The agent was killed before it could keep that.
    expect(await reclone(bob, ann, history, { wish: '1.4' })).toEqual({ kind: 'recloned', copyId: copy });
    await expectItFollows(bob, ann, history);
    expect(await reclone(bob, ann, history, { wish: '1.5' })).toMatchObject({ kind: 'recloned' });
    expect(await copyIdOf(bob.server.dir)).not.toBe(copy);
    await expectItFollows(bob, ann, history);
  }, 120_000);

  it('is copied from a replica, but not from one that has less than it had itself', async () => {
    const { ann, bob, history } = await createPair('reclone-from');
    await ann.server.query('create table kept (text text)');
    const third = await cloneReplica(ann.server, { name: 'cat' });
    await third.start();
    await third.waitUntilStreaming();
    const cat = careFor(third);
    await stream(bob, ann, history);
    await stream(cat, ann, history);
    await seal(cat);
    await ann.server.query('checkpoint');
    await ann.server.query(`insert into kept select 'more' from generate_series(1, 1000)`);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    const copy = await copyIdOf(bob.server.dir);
    const less = await reclone(bob, ann, history, { source: cat, wish: '1.4' });
    expect(less).toMatchObject({ kind: 'failed', code: 'ENGINE_FAILED' });
    expect(less).toMatchObject({ text: expect.stringContaining('less than') as string });
    expect(await copyIdOf(bob.server.dir)).toBe(copy);
    await stream(cat, ann, history);
    await cat.server.waitUntilCaughtUpWith(ann.server);
    expect(await reclone(bob, ann, history, { source: cat, wish: '1.4' })).toMatchObject({
      kind: 'recloned',
    });
    await expectItFollows(bob, ann, history);
    expect(await bob.server.query(`select count(*)::int as n from kept where text = 'more'`)).toEqual([
      { n: 1000 },
    ]);
  }, 120_000);

  it('receives nothing from before the copy begins, and is as it was when a seal ends that', async () => {
    const { ann, bob, history } = await createPair('reclone-sealed');
    await ann.server.query('create table kept (text text)');
    await stream(bob, ann, history);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    const copy = await copyIdOf(bob.server.dir);
    const under = reclone(bob, ann, history, { wish: '1.4' });
    await waitFor(() => bob.logged.find(({ code }) => code === 'RECLONING'), {
      timeoutMs: 20_000,
      what: 'the copy begins',
    });
    await ann.server.query(`insert into kept values ('meanwhile')`);
    const position = await seal(bob);
    expect(await under).toMatchObject({ kind: 'failed', text: 'ended by a fence' });
    expect(await copyIdOf(bob.server.dir)).toBe(copy);
    expect(S2_ancestry(position, history.openings)).toBe('behind');
    expect(await bob.server.query('select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
    await stream(bob, ann, history);
    await bob.server.waitUntilCaughtUpWith(ann.server);
  }, 120_000);

  it('is refused where a copy would not be what was there', async () => {
    const { ann, bob, history } = await createPair('reclone-spaces');
    const space = `${bob.server.dir}.space`;
    mkdirSync(space);
    await seal(bob);
    mkdirSync(join(bob.server.dir, 'pg_tblspc'), { recursive: true });
    symlinkSync(space, join(bob.server.dir, 'pg_tblspc', '16400'));
    expect(await reclone(bob, ann, history, { wish: '1.4' })).toMatchObject({
      kind: 'failed',
      code: 'RECLONE_IMPOSSIBLE',
    });
  }, 120_000);
});

describe('a swap that was interrupted', () => {
  /** As it is on disk at each instant at which the agent may have been killed. */
  async function interrupted(label: string): Promise<{
    readonly member: Member;
    readonly memo: SwapMemo;
    readonly before: string | undefined;
    readonly write: () => void;
  }> {
    const { ann, bob } = await createPair(label);
    await bob.server.stop();
    const third = await cloneReplica(ann.server, { name: 'cat' });
    const state = stateDir(bob);
    mkdirSync(join(state, 'copying'), { recursive: true });
    mkdirSync(join(state, 'old-data'), { recursive: true });
    const copy = join(state, 'copying', 'copy-1');
    renameSync(third.dir, copy);
    const before = await copyIdOf(bob.server.dir);
    const memo: SwapMemo = {
      ...{ place: bob.server.dir, copy, old: join(state, 'old-data', '20261129T120000Z') },
      ...{ replaced: before, by: await copyIdOf(copy), wish: undefined, note: undefined },
    };
    const write = (): void => writeFileSync(join(state, 'swapping.json'), JSON.stringify(memo));
    return { member: bob, memo, before, write };
  }

  it('before it began is forgotten', async () => {
    const { member, before, write } = await interrupted('swap-early');
    write();
    expect(await member.engine.check()).toMatchObject({ copyId: before, replacedCopyId: undefined });
    expect(folders(member, 'swapping.json')).toEqual([]);
  }, 60_000);

  it.each([
    ['without a data directory', false],
    ['with the new one in its place', true],
  ])(
    '%s is finished, and the agent knows whose copy it is',
    async (_, isMoved) => {
      const { member, memo, before, write } = await interrupted(`swap-${isMoved ? 'late' : 'mid'}`);
      write();
      renameSync(memo.place, memo.old);
      if (isMoved) renameSync(memo.copy, memo.place);
      expect(await member.engine.check()).toMatchObject({ copyId: memo.by, replacedCopyId: before });
      expect(await copyIdOf(memo.place)).toBe(memo.by);
      expect(await copyIdOf(memo.old)).toBe(before);
      // Said until the server is started on it.
      expect(await member.engine.check()).toMatchObject({ copyId: memo.by, replacedCopyId: before });
      await forgetSwap(await describeMember(member.server));
      expect(await member.engine.check()).toMatchObject({ copyId: memo.by, replacedCopyId: undefined });
    },
    60_000,
  );
});

describe('what a copy has replaced', () => {
  it('is kept for as long as the policy says, and goes only while the copy works', async () => {
    const { ann, bob, history } = await createPair('reclone-kept');
    await ann.server.query('create table kept (text text)');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    expect(await reclone(bob, ann, history, { wish: '1.4' })).toMatchObject({ kind: 'recloned' });
    const retention = { oldDataMs: asDuration(0), salvageMs: FOR_GOOD };
    bob.engine.setRetention(retention); // its server is down
    await start(bob);
    expect(folders(bob, 'old-data')).toHaveLength(1);
    await expectItFollows(bob, ann, history);
    bob.engine.setRetention({ ...retention, oldDataMs: FOR_GOOD });
    expect(folders(bob, 'old-data')).toHaveLength(1);
    // Each time that it is told it looks; by itself once a minute.
    const isGone = (): boolean => {
      bob.engine.setRetention(retention);
      return folders(bob, 'old-data').length === 0;
    };
    await waitFor(isGone, { timeoutMs: 20_000, what: 'the old data goes' });
    // The folder goes first; it is said once it has gone.
    const isSaid = (): boolean => bob.logged.some(({ code }) => code === 'OLD_DATA_DROPPED');
    await waitFor(isSaid, { timeoutMs: 5_000, what: 'that to be said' });
  }, 120_000);
});
