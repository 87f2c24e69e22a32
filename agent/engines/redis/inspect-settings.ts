/** What a member's own settings, and who else manages it, would do to it in care, and to the cluster at a failover. One function per finding, each of values only. */
import type { Finding } from '#core/report.js';
import type { Facts } from '#agent/engines/redis/inspect-facts.js';

/** `others`: members beside this one. */
type Check = (facts: Facts, others: number) => Finding | undefined;

const CHECKS: readonly Check[] = [
  commands,
  permissions,
  sentinel,
  writableReplica,
  replicaEvicts,
  minReplicas,
  persistence,
  backlog,
  flushedFirst,
  logFile,
  configuration,
];

export const inspectSettings = (facts: Facts, others: number): readonly Finding[] =>
  CHECKS.flatMap((check) => check(facts, others) ?? []);

const blocks = (code: string, text: string, remedy: string): Finding => ({
  ...{ severity: 'blocks', code, text, remedy },
});
const hurts = (code: string, text: string, remedy: string): Finding => ({
  ...{ severity: 'hurts', code, text, remedy },
});

function commands({ missing }: Facts): Finding | undefined {
  if (missing.length === 0) return undefined;
  return blocks(
    'commands-missing',
    `${missing.join(', ')} cannot be asked for here: renamed, or taken away`,
    'take rename-command out of the configuration, and keep users from commands by ACL; then restart the server',
  );
}

function permissions({ refused }: Facts): Finding | undefined {
  if (refused.length === 0) return undefined;
  return blocks(
    'commands-refused',
    `the user of the agent may not run ${refused.join(', ')}`,
    'let it do everything: ACL SETUSER … ~tanist:* +@all',
  );
}

function sentinel({ sentinels }: Facts): Finding | undefined {
  if (sentinels === 0) return undefined;
  return blocks(
    'sentinel-watches',
    `${sentinels} Sentinel${sentinels === 1 ? '' : 's'} watch this server, and would appoint a leader besides Tanist`,
    'on each Sentinel: SENTINEL REMOVE …, before the cluster is adopted',
  );
}

function writableReplica({ settings }: Facts): Finding | undefined {
  if (settings.get('replica-read-only') !== 'no') return undefined;
  return blocks(
    'writable-replica',
    'replica-read-only is no: following, it takes writes that its leader never has, and counts as open',
    'CONFIG SET replica-read-only yes, and in its configuration',
  );
}

/** Each forgets what it wants to, and says so to nobody. */
function replicaEvicts({ settings }: Facts): Finding | undefined {
  const bounded = !['0', ''].includes(settings.get('maxmemory') ?? '');
  if (!bounded || settings.get('replica-ignore-maxmemory') !== 'no') return undefined;
  return blocks(
    'replica-evicts',
    'replica-ignore-maxmemory is no: as a replica it drops keys by itself, and an heir may lack what was acknowledged',
    'CONFIG SET replica-ignore-maxmemory yes, and in its configuration',
  );
}

function minReplicas({ settings }: Facts, others: number): Finding | undefined {
  const wanted = Number(settings.get('min-replicas-to-write') ?? 0);
  const left = others - 1;
  if (wanted === 0 || others === 0 || wanted <= left) return undefined;
  return hurts(
    'too-few-replicas-to-write',
    `min-replicas-to-write is ${wanted}: an heir has ${left} ${left === 1 ? 'replica' : 'replicas'} until the old leader is back, and refuses all writes meanwhile`,
    `CONFIG SET min-replicas-to-write ${left}, or add a member`,
  );
}

function persistence({ settings }: Facts): Finding | undefined {
  if (settings.get('appendonly') === 'yes' || settings.get('save') !== '') return undefined;
  return hurts(
    'nothing-is-saved',
    'neither snapshots nor an append-only file are kept: a server that restarts comes back with nothing, and when all do at once nobody is opened',
    'CONFIG SET appendonly yes, and in its configuration',
  );
}

const A_MINUTE = 60;

function backlog({ settings, writesPerSecond }: Facts): Finding | undefined {
  const size = Number(settings.get('repl-backlog-size') ?? 0);
  if (size === 0 || size >= writesPerSecond * A_MINUTE) return undefined;
  return hurts(
    'backlog-is-short',
    `repl-backlog-size is ${size}, which at ${Math.round(writesPerSecond)} bytes a second is less than a minute: who is away for longer copies everything, and a salvage goes back no further`,
    `CONFIG SET repl-backlog-size ${Math.ceil(writesPerSecond * 5 * A_MINUTE)}, and in its configuration`,
  );
}

function flushedFirst({ settings }: Facts): Finding | undefined {
  const how = settings.get('repl-diskless-load') ?? '';
  if (!how.includes('flush')) return undefined;
  return hurts(
    'data-goes-before-its-copy',
    `repl-diskless-load is ${how}: a replica that copies its leader has nothing until the copy is whole, and stays so if it breaks off`,
    'CONFIG SET repl-diskless-load disabled, and in its configuration',
  );
}

function logFile({ settings }: Facts): Finding | undefined {
  if (settings.get('logfile') !== '') return undefined;
  return hurts(
    'no-log-file',
    'logfile is not set: nothing tells a stop in order from a crash, and a leader that is shut down is replaced at once',
    'set logfile in its configuration, then restart the server',
  );
}

function configuration({ unwritable }: Facts): Finding | undefined {
  if (unwritable === undefined) return undefined;
  return hurts(
    'configuration-unwritable',
    `the agent cannot write beside ${unwritable}: once CONFIG REWRITE has taken replicaof 127.0.0.1 1 out of it, this member is not opened any more`,
    'let the user of the agent write that folder',
  );
}
