/** What a member's own settings would do to it in care, and to the cluster at a failover. One function per finding, each of values only. */
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import type { Facts } from '#agent/engines/postgres/inspect-facts.js';
import { SETTING_NAMES } from '#agent/engines/postgres/originals.js';
import { namesIn } from '#agent/engines/postgres/synchronous-names.js';

type Check = (facts: Facts, members: readonly string[]) => Finding | undefined;

const RESTART = 'then restart the server';
const RELOAD = 'then select pg_reload_conf()';

const CHECKS: readonly Check[] = [
  walLevel,
  alterSystem,
  commandLine,
  walLogHints,
  fullPageWrites,
  walSenders,
  replicationSlots,
  archiving,
  restoreCommand,
  applyDelay,
  synchronousNames,
  slotOfItsOwn,
];

/** `peers`: the other members. */
export function inspectSettings(
  facts: Facts,
  self: string,
  peers: readonly PlanMember[],
): readonly Finding[] {
  const members = [self, ...peers.map(({ name }) => name)];
  return CHECKS.flatMap((check) => check(facts, members) ?? []);
}

function walLevel({ setting }: Facts): Finding | undefined {
  if (setting('wal_level') !== 'minimal') return undefined;
  return {
    ...{ severity: 'blocks', code: 'wal-level-minimal' },
    text: 'wal_level is minimal: the log does not hold what a replica needs',
    remedy: `alter system set wal_level = replica, ${RESTART}`,
  };
}

/** 17 and newer. */
function alterSystem({ setting }: Facts): Finding | undefined {
  if (setting('allow_alter_system') !== 'off') return undefined;
  return {
    ...{ severity: 'blocks', code: 'alter-system-refused' },
    text: 'allow_alter_system is off: a replica could not be cut off from an old leader, nor pointed at a new one',
    remedy: `set allow_alter_system = on in postgresql.conf, ${RELOAD}`,
  };
}

function commandLine({ onCommandLine }: Facts): Finding | undefined {
  const names = onCommandLine(SETTING_NAMES);
  if (names.length === 0) return undefined;
  return {
    ...{ severity: 'blocks', code: 'upstream-on-command-line' },
    text: `${names.join(', ')}: set on the server's command line, where nothing can change it while it runs`,
    remedy: `take it out of the command that starts the server and set it in postgresql.conf, ${RESTART}`,
  };
}

function walLogHints({ setting }: Facts): Finding | undefined {
  if (setting('wal_log_hints') === 'on' || setting('data_checksums') === 'on') return undefined;
  return {
    ...{ severity: 'hurts', code: 'no-wal-log-hints' },
    text: 'neither wal_log_hints nor data checksums: an old leader cannot be rewound and has to be copied anew',
    remedy: `alter system set wal_log_hints = on, ${RESTART}`,
  };
}

function fullPageWrites({ setting }: Facts): Finding | undefined {
  if (setting('full_page_writes') === 'on') return undefined;
  return {
    ...{ severity: 'hurts', code: 'no-full-page-writes' },
    text: 'full_page_writes is off: a crash may tear pages, and no member can be rewound from this one',
    remedy: `alter system set full_page_writes = on, ${RELOAD}`,
  };
}

function walSenders({ setting }: Facts, members: readonly string[]): Finding | undefined {
  return tooFew('max_wal_senders', 'too-few-wal-senders', Number(setting('max_wal_senders')), members.length);
}

function replicationSlots({ setting, otherSlots }: Facts, members: readonly string[]): Finding | undefined {
  const needed = otherSlots + members.length;
  return tooFew('max_replication_slots', 'too-few-slots', Number(setting('max_replication_slots')), needed);
}

/** One for each other member, and one to spare for a copy or a rewind. */
function tooFew(name: string, code: string, value: number, needed: number): Finding | undefined {
  if (value >= needed) return undefined;
  return {
    ...{ severity: 'hurts', code },
    text: `${name} is ${value}: as the leader of this cluster it needs ${needed}`,
    remedy: `alter system set ${name} = ${Math.max(10, needed)}, ${RESTART}`,
  };
}

function archiving({ setting }: Facts): Finding | undefined {
  const mode = setting('archive_mode');
  if (mode === undefined || mode === 'off') return undefined;
  if (['', '(disabled)'].includes(setting('archive_command') ?? '') && !setting('archive_library'))
    return {
      ...{ severity: 'hurts', code: 'archiving-unconfigured' },
      text: `archive_mode is ${mode} and archive_command is empty: a leader keeps all its log until its disk is full`,
      remedy: `alter system set archive_command = '…', ${RELOAD}; or alter system set archive_mode = off, ${RESTART}`,
    };
  if (mode === 'always')
    return {
      ...{ severity: 'note', code: 'archive-mode-always' },
      text: 'archive_mode is always: each member archives the same files',
      remedy: 'let archive_command succeed for a file that is in the archive already with the same content',
    };
  return {
    ...{ severity: 'note', code: 'archive-mode-on' },
    text: 'archive_mode is on: replicas archive only once they lead, so what a leader that dies had not archived yet is missing in the archive',
    remedy: `alter system set archive_mode = always, ${RESTART}; archive_command must then accept a file that is there already`,
  };
}

function restoreCommand({ setting }: Facts): Finding | undefined {
  if ((setting('restore_command') ?? '') === '') return undefined;
  return {
    ...{ severity: 'note', code: 'restore-command' },
    text: `restore_command is emptied while this member is cut off from an old leader, and put back when it follows again`,
    remedy: 'nothing; change it with alter system, or where it stands now',
  };
}

function applyDelay({ closed, setting }: Facts): Finding | undefined {
  const delayMs = setting('recovery_min_apply_delay');
  if (!closed || delayMs === undefined || delayMs === '0') return undefined;
  return {
    ...{ severity: 'hurts', code: 'apply-delay' },
    text: `recovery_min_apply_delay is ${delayMs} ms: when this replica is appointed the delay ends, and all that it held back is applied first`,
    remedy: `alter system set recovery_min_apply_delay = 0, ${RELOAD}; or appoint: never for this member in the policy`,
  };
}

function synchronousNames({ setting }: Facts, members: readonly string[]): Finding | undefined {
  const value = setting('synchronous_standby_names') ?? '';
  const known = new Set(['*', ...members.map((name) => name.toLowerCase())]);
  const strangers = namesIn(value).filter((name) => !known.has(name.toLowerCase()));
  if (strangers.length === 0) return undefined;
  return {
    ...{ severity: 'hurts', code: 'synchronous-stranger' },
    text: `synchronous_standby_names (${value}) names ${strangers.join(', ')}, which is no member: in care replicas call themselves by their members' names, and commits would wait for somebody who never comes`,
    remedy: `alter system set synchronous_standby_names = '', ${RELOAD}; or name members: ${members.join(', ')}`,
  };
}

/** In care a replica receives through a slot that Tanist keeps for it. */
function slotOfItsOwn({ closed, setting }: Facts): Finding | undefined {
  const slot = setting('primary_slot_name') ?? '';
  if (!closed || slot === '' || slot.startsWith('tanist_')) return undefined;
  return {
    ...{ severity: 'hurts', code: 'slot-left-behind' },
    text: `primary_slot_name is ${slot}: in care this replica uses another slot, and the leader keeps log for this one until its disk is full`,
    remedy: `once the cluster is in care, on the leader: select pg_drop_replication_slot('${slot}')`,
  };
}
