// What an inspection finds in settings alone, for versions and combinations of which no server is at hand.
import { describe, expect, it } from 'vitest';
import type { Facts } from '#agent/engines/postgres/inspect-facts.js';
import { inspectSettings } from '#agent/engines/postgres/inspect-settings.js';
import { namesIn } from '#agent/engines/postgres/synchronous-names.js';

const WELL: Readonly<Record<string, string>> = {
  ...{ wal_level: 'replica', wal_log_hints: 'on', data_checksums: 'off', full_page_writes: 'on' },
  ...{ max_wal_senders: '3', max_replication_slots: '3', archive_mode: 'off', archive_command: '(disabled)' },
  ...{ restore_command: '', recovery_min_apply_delay: '0', primary_slot_name: '' },
};

const peer = (name: string) => ({
  name,
  identity: name,
  agentAddress: '',
  databaseHost: '',
  databasePort: 5432,
});

function codesFor(
  settings: Readonly<Record<string, string>>,
  { closed = false, otherSlots = 0, commandLine = [] as string[] } = {},
): string[] {
  const all = { ...WELL, ...settings };
  const facts: Facts = {
    ...{ closed, otherSlots, logicalSlots: [], replicationUser: 'may replicate', databases: [] },
    setting: (name) => all[name],
    onCommandLine: (names) => names.filter((name) => commandLine.includes(name)),
  };
  return inspectSettings(facts, 'ann', [peer('bob'), peer('Cid')]).map(
    (each) => `${each.severity} ${each.code}`,
  );
}

describe('settings', () => {
  it('that are well give nothing to say, also with checksums instead of hints', () => {
    expect(codesFor({})).toEqual([]);
    expect(codesFor({ wal_log_hints: 'off', data_checksums: 'on' })).toEqual([]);
  });

  it.each([
    ['hurts archiving-unconfigured', { archive_mode: 'on', archive_command: '' }],
    ['hurts archiving-unconfigured', { archive_mode: 'always', archive_command: '', archive_library: '' }],
    ['note archive-mode-on', { archive_mode: 'on', archive_command: 'cp %p /a/%f' }],
    ['note archive-mode-on', { archive_mode: 'on', archive_command: '', archive_library: 'basic_archive' }],
    ['note archive-mode-always', { archive_mode: 'always', archive_command: 'cp %p /a/%f' }],
    ['blocks alter-system-refused', { allow_alter_system: 'off' }],
    ['hurts too-few-wal-senders', { max_wal_senders: '2' }],
    ['hurts too-few-slots', { max_replication_slots: '2' }],
  ])('%s: %j', (expected, settings) => {
    expect(codesFor(settings)).toEqual([expected]);
  });

  it('count the slots of others', () => {
    expect(codesFor({ max_replication_slots: '4' }, { otherSlots: 1 })).toEqual([]);
    expect(codesFor({ max_replication_slots: '4' }, { otherSlots: 2 })).toEqual(['hurts too-few-slots']);
  });

  it('of a replica alone: a delay, and a slot that is not ours', () => {
    const settings = { recovery_min_apply_delay: '60000', primary_slot_name: 'mine' };
    expect(codesFor(settings)).toEqual([]);
    expect(codesFor(settings, { closed: true })).toEqual(['hurts apply-delay', 'hurts slot-left-behind']);
    expect(codesFor({ primary_slot_name: 'tanist_ann' }, { closed: true })).toEqual([]);
  });

  it('that a command line holds cannot be changed', () => {
    expect(codesFor({}, { commandLine: ['port', 'restore_command'] })).toEqual([
      'blocks upstream-on-command-line',
    ]);
  });

  it.each(['', '*', 'ann, bob', 'ANY 1 (bob, CID)', '2 ("bob", cid)', 'FIRST 1 (*)'])(
    'name members: synchronous_standby_names = %j',
    (value) => {
      expect(codesFor({ synchronous_standby_names: value })).toEqual([]);
    },
  );

  it.each(['walreceiver', 'ANY 1 (bob, dan)', '1 ("ann bob")'])(
    'name a stranger: synchronous_standby_names = %j',
    (value) => {
      expect(codesFor({ synchronous_standby_names: value })).toEqual(['hurts synchronous-stranger']);
    },
  );
});

describe('names of synchronous replicas', () => {
  it.each([
    ['', []],
    ['a,b', ['a', 'b']],
    [' first 2 ( a , "b, ""c""" ) ', ['a', 'b, "c"']],
    ['1(*)', ['*']],
  ])('%j names %j', (value, names) => {
    expect(namesIn(value)).toEqual(names);
  });
});
