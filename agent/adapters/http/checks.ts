/** What is answered to a health check: Patroni's paths and codes, so that a configuration that was made for it works on. */
import type { Standing } from '#core/standing.js';

/** 200: yes; 503: no, and also what no check is called; 400: a question that cannot be read. */
export type Code = 200 | 400 | 503;

interface Question {
  readonly standing: Standing;
  /** Its log that waits to be applied is not more than was asked for. */
  readonly isNear: boolean;
  /** A kind of replica is asked for that there is none of here. */
  readonly asksForMore: boolean;
}

type Check = (question: Question) => boolean;

/** A process that decides so seldom does not run. */
const LIVE_WITHIN_MS = 30_000;

const isPrimary: Check = ({ standing }) => standing.role === 'primary';
const isReplica: Check = ({ standing, isNear, asksForMore }) =>
  standing.role === 'replica' && isNear && !asksForMore;
const confirmsEvery: Check = (q) => isReplica(q) && q.standing.confirms === 'every';
const confirmsSome: Check = (q) => isReplica(q) && q.standing.confirms === 'some';
const never: Check = () => false;
const either =
  (one: Check, other: Check): Check =>
  (question) =>
    one(question) || other(question);

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...['/', '/primary', '/read-write', '/master', '/leader'].map((path) => [path, isPrimary] as const),
  // Of a cluster that follows another one, which there is none of.
  ...['/standby-leader', '/standby_leader'].map((path) => [path, never] as const),
  ['/replica', isReplica],
  ['/read-only', either(isPrimary, isReplica)],
  ...['/synchronous', '/sync'].map((path) => [path, confirmsEvery] as const),
  ['/read-only-sync', either(isPrimary, confirmsEvery)],
  ['/quorum', confirmsSome],
  ['/read-only-quorum', either(isPrimary, confirmsSome)],
  ...['/asynchronous', '/async'].map(
    (path) => [path, (q: Question) => isReplica(q) && q.standing.confirms === 'none'] as const,
  ),
  ['/health', ({ standing }) => standing.state === 'running'],
  ['/liveness', ({ standing }) => standing.silentMs < LIVE_WITHIN_MS],
  ['/readiness', either(isPrimary, isReplica)],
  ['/patroni', () => true],
]);

/** `target`: path and query, as a request has them. */
export function check(target: string, standing: Standing): Code {
  if (!target.startsWith('/') || !URL.canParse(target, 'http://agent')) return 400;
  const { pathname, searchParams } = new URL(target, 'http://agent');
  const lag = searchParams.get('lag');
  const most = lag === null ? Number.POSITIVE_INFINITY : readSize(lag);
  if (most === undefined) return 400;
  const state = searchParams.get('replication_state');
  const question: Question = {
    standing,
    isNear: standing.backlog <= most,
    // Only a replica to which log streams counts as one here, and members have no tags.
    asksForMore:
      (state !== null && state !== 'streaming') ||
      [...searchParams.keys()].some((key) => key.startsWith('tag_')),
  };
  return CHECKS.get(pathname)?.(question) === true ? 200 : 503;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
  tb: 1024 ** 4,
};

/** `1000`, `10MB`; of engines whose log is not counted in bytes a bare number. */
function readSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^\s*(\d{1,18})\s*([A-Za-z]{0,2})\s*$/.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
