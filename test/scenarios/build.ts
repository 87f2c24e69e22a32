/** Plans, positions and reports for tests, from the few words that matter to each. */
import { asDuration, asEpoch, asMonotonic, asRevision, asVersion, type MonotonicMs } from '#core/brand.js';
import { type Durability, NO_DURABILITY } from '#core/durability.js';
import type { Plan, PlanMember, ProvedOpening } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { type Mark, ofEngine, type Position } from '#core/position.js';
import { type GtidSet, parseGtidSet } from '#core/positions/gtid-set.js';
import { type LineagePosition, UNKNOWN } from '#core/positions/lineage.js';
import { type Gtid, type MariadbPosition, parseGtids } from '#core/positions/mariadb.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import type { Fork, PostgresPosition } from '#core/positions/postgres.js';
import { NOBODY_LOWERED, type Report } from '#core/report.js';
import type { OwnTerm } from '#core/term.js';

export const DATA_ID = '7300000000000000001';

/** `1:100` is timeline 1 at byte 100; `2:150<1@120` left timeline 1 at byte 120. */
export function position(text: string, marks: readonly Mark[] = []): PostgresPosition {
  const [head = '', tail] = text.split('<');
  const [timeline = '1', lsn = '0'] = head.split(':');
  const forks: Fork[] =
    tail === undefined
      ? []
      : tail.split(',').map((fork) => {
          const [t = '1', end = '0'] = fork.split('@');
          return { timeline: Number(t), end: BigInt(end) };
        });
  return { engine: 'postgres', dataId: DATA_ID, timeline: Number(timeline), lsn: BigInt(lsn), forks, marks };
}

/**
 * `0-1-130 1@ 2@0-1-120`: the newest transaction is 0-1-130; opening 1 began on nothing, opening 2 behind 0-1-120. Opened was whoever wrote last on
 * that line, or server 3 with `2:3@0-1-120`.
 */
export function mariadbPosition(text: string, marks: readonly Mark[] = []): MariadbPosition {
  const [gtids = '', ...openings] = text.split(' ');
  const lines = openings.map((line, index) => {
    const [opening = '0', from = ''] = line.split('@');
    const [epoch = '0', server] = opening.split(':');
    const [last] = readGtids(openings[index + 1]?.split('@')[1] ?? gtids);
    return {
      epoch: asEpoch(BigInt(epoch)),
      server: Number(server ?? last?.server ?? 1),
      from: readGtids(from),
    };
  });
  return { engine: 'mariadb', dataId: DATA_ID, gtids: readGtids(gtids), lines, marks };
}

/** `B:150<A@120`: 150 along the line B, which left the line A at 120; `B:?`: nothing tells how far along. */
export function lineagePosition(text: string, marks: readonly Mark[] = []): LineagePosition {
  const [head = '', tail] = text.split('<');
  const [line = '', at = '?'] = head.split(':');
  const placeOf = (word = '?'): bigint => (word === '?' ? UNKNOWN : BigInt(word));
  const forks = (tail?.split(',') ?? []).map((fork) => {
    const [left = '', end] = fork.split('@');
    return { line: left, end: placeOf(end) };
  });
  return { engine: 'redis', dataId: DATA_ID, line, at: placeOf(at), forks, marks };
}

function readGtids(text: string): readonly Gtid[] {
  const gtids = parseGtids(text);
  if (gtids === undefined) throw new Error(`${text}: no transactions of MariaDB`);
  return gtids;
}

/** The identifier of a server that goes by one letter. */
export const serverOf = (letter: string): string => `${letter.repeat(8)}-0000-0000-0000-000000000000`;

/** `a:1-130 1@ 2:b@a:1-120`: all that server a has written up to 130; opening 1, of a, began on nothing, opening 2, of b, behind 120. */
export function mysqlPosition(text: string, marks: readonly Mark[] = []): MysqlPosition {
  const [gtids = '', ...openings] = text.split(' ').filter((word, index) => word !== '' || index === 0);
  const lines = openings.map((line) => {
    const [opening = '0', from = ''] = line.split('@');
    const [epoch = '0', server = 'a'] = opening.split(':');
    return { epoch: asEpoch(BigInt(epoch)), server: serverOf(server), from: readGtidSet(from) };
  });
  return { engine: 'mysql', dataId: DATA_ID, gtids: readGtidSet(gtids), lines, marks };
}

function readGtidSet(text: string): GtidSet {
  const gtids = parseGtidSet(text.replace(/(?<=^|,)[a-f](?=:)/g, serverOf));
  if (gtids === undefined) throw new Error(`${text}: no transactions of MySQL`);
  return gtids;
}

export function showPosition(p: Position | undefined): string {
  if (p === undefined) return '-';
  const { timeline, lsn, forks } = ofEngine(p, 'postgres');
  const left = forks.map((f) => `${f.timeline}@${f.end}`).join(',');
  return `${timeline}:${lsn}${left === '' ? '' : `<${left}`}`;
}

/** `identity`: of its memory; another word than `old` is that of a member that has lost it. */
export const member = (name: string, identity = 'old'): PlanMember => ({
  name,
  identity,
  agentAddress: `${name}:7401`,
  databaseHost: name,
  databasePort: 5432,
});

export function opening(epoch: bigint, leader: string, at: string): ProvedOpening {
  return { epoch: asEpoch(epoch), mark: `mark-${epoch}`, leader, position: position(at), lineage: '' };
}

/** `b,c/1`: one of b and c. */
export function durability(text: string): Durability {
  const [names = '', acknowledgements = '0'] = text.split('/');
  const synchronous = names.split(',').filter((name) => name !== '');
  return { synchronous, acknowledgements: Number(acknowledgements) };
}

export const TERM: OwnTerm = { generation: 0n, revision: asRevision(10n), lease: '10' };

export function plan(over: Partial<Plan> & { readonly names?: readonly string[] } = {}): Plan {
  const { names = ['a', 'b', 'c'], ...rest } = over;
  return {
    cluster: 'demo',
    engine: 'postgres',
    dataId: DATA_ID,
    epoch: asEpoch(1n),
    version: asVersion(2n),
    generation: 0n,
    leader: 'a',
    members: names.map((name) => member(name)),
    eligible: names.filter((n) => n !== (over.leader ?? 'a')),
    joining: [],
    care: 'automatic',
    maintenance: [],
    holdMs: asDuration(0),
    durability: NO_DURABILITY,
    upstreams: {},
    reclones: {},
    opening: { state: 'proved' },
    openings: [opening(1n, 'a', '1:50')],
    lastFailover: undefined,
    policy: DEFAULT_POLICY,
    ...rest,
  };
}

export function report(
  over: Partial<Omit<Report, 'database'>> & { readonly database?: Partial<Report['database']> } = {},
): Report {
  const { database, ...rest } = over;
  return {
    incarnation: 'one',
    nonce: 1n,
    wantsLease: false,
    highestEpoch: asEpoch(1n),
    planEpoch: asEpoch(1n),
    planVersion: asVersion(2n),
    fencedEpoch: asEpoch(0n),
    openedEpoch: asEpoch(0n),
    sealed: undefined,
    tail: undefined,
    opened: undefined,
    serving: { role: 'none', goodForMs: 1000 },
    durability: undefined,
    guarded: true,
    guardedForMs: 0,
    probe: undefined,
    prepared: undefined,
    heldBack: undefined,
    inspection: undefined,
    told: undefined,
    releasedEpoch: asEpoch(0n),
    vouched: undefined,
    problem: undefined,
    ...rest,
    database: {
      state: 'running',
      role: 'replica',
      dataId: DATA_ID,
      position: position('1:100'),
      backlog: 0,
      canaryAgeMs: undefined,
      upstream: undefined,
      streaming: false,
      followers: [],
      lowered: NOBODY_LOWERED,
      ownTail: 'awaited',
      copying: undefined,
      salvaged: undefined,
      ...database,
    },
  };
}

export const ms = (value: number): MonotonicMs => asMonotonic(value);
export const lasting = asDuration;
