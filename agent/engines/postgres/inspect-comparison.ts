/**
 * A replica's settings held against the leader's. It is told what would be different once this one leads; and limits below the leader's,
 * with which it stops applying log. The leader is asked as a client would ask it, which it may well refuse.
 */
import type { PostgresConfig } from '#agent/config.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { askByPsql } from '#agent/engines/postgres/psql.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { namesIn } from '#agent/engines/postgres/synchronous-names.js';

/** A replica must have at least as much of each as its leader. */
const LIMITS = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
];

/** What differs because members lie in different places, and what only matters on a replica. */
const OWN_AFFAIRS =
  /^(port|listen_addresses|data_directory|(config|hba|ident)_file|external_pid_file|bonjour\w*|unix_socket_\w+|cluster_name|primary_\w+|restore_command|archive_cleanup_command|recovery_\w+|promote_trigger_file|hot_standby\w*|max_standby_\w+|wal_receiver_\w+|synchronous_standby_names|log_(directory|filename|file_mode|destination)|logging_collector|syslog_\w+|event_source|stats_temp_directory|ssl_\w+_file|krb_server_keyfile|(dynamic_)?shared_memory_type)$/;

/** Set for the server; all else comes from the session that asks, or from nobody. */
const SET = ['configuration file', 'command line', 'environment variable'];
const OF_SERVER = [...SET, 'default', 'override'];

const IS_LIST = /_preload_libraries$|^search_path$|^temp_tablespaces$/;
const MOST_NAMES = 20;

const READ = `
  select json_build_object('open', not pg_is_in_recovery(), 'settings',
    (select json_object_agg(name, json_build_array(current_setting(name), source)) from pg_settings))`;

interface Settings {
  readonly open: boolean;
  readonly settings: Readonly<Record<string, readonly [value: string, source: string]>>;
}
/** Or why they could not be had. */
type Asked = Settings | string;
type Place = Pick<PlanMember, 'databaseHost' | 'databasePort'>;
type Login = PostgresConfig['replication'];

export async function compareWithLeader(
  server: Server,
  peers: readonly PlanMember[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { host, port, user, password, replication } = server.config;
  // Not on our session here, which has settings of its own.
  const here = { databaseHost: host, databasePort: port };
  const asClient = [replication, { ...replication, user, password }];
  const [own, others] = await Promise.all([
    ask(server, here, [{ user, password, options: '' }], timeoutMs, signal),
    Promise.all(peers.map((peer) => ask(server, peer, asClient, timeoutMs, signal))),
  ]);
  if (typeof own === 'string') return [notCompared(server, own)];
  for (const [index, { name }] of peers.entries()) {
    const other = others[index];
    if (typeof other === 'object' && other.open) return differences(own, other, name);
  }
  const refusals = peers.flatMap(({ name }, index) => {
    const other = others[index];
    return typeof other === 'string' ? [`${name}: ${other}`] : [];
  });
  return [notCompared(server, refusals.join('; ') || 'no other member accepts writes')];
}

/** As the first of the logins that is let in. */
async function ask(
  server: Server,
  place: Place,
  logins: readonly Login[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Asked> {
  let refusal = '';
  for (const login of logins) {
    const question = { login, more: { dbname: server.config.database }, sql: READ };
    const answer = await askByPsql(server, place, question, Math.round(timeoutMs / logins.length), signal);
    if (answer.kind === 'answered') return JSON.parse(answer.text) as Settings;
    refusal ||= answer.text;
  }
  return refusal;
}

function notCompared({ config }: Server, because: string): Finding {
  return {
    ...{ severity: 'note', code: 'settings-not-compared' },
    text: `the settings here could not be held against the leader's: ${because}`,
    remedy: `let ${config.replication.user} log in to database ${config.database} of the leader (pg_hba.conf) and grant it pg_read_all_settings, or compare pg_settings by hand`,
  };
}

function differences(own: Settings, leaders: Settings, leader: string): readonly Finding[] {
  const differing = Object.keys(leaders.settings)
    .sort()
    .flatMap((name) => {
      const [here, there] = [own.settings[name], leaders.settings[name]];
      if (here === undefined || there === undefined || here[0] === there[0]) return [];
      const sources = [here[1], there[1]];
      if (!sources.every((each) => OF_SERVER.includes(each)) || !sources.some((each) => SET.includes(each)))
        return [];
      return [{ name, here: here[0], there: there[0] }];
    });
  const below = differing.filter(({ name, here, there }) => {
    return LIMITS.includes(name) && Number(here) < Number(there);
  });
  const drift = differing.filter((each) => !below.includes(each) && !OWN_AFFAIRS.test(each.name));
  return [
    ...findingOf(
      below,
      leader,
      'limits-below-leader',
      'with limits below the leader’s it stops applying log',
    ),
    ...findingOf(drift, leader, 'configuration-drift', 'once it leads it would behave differently'),
  ];
}

function findingOf(
  differing: readonly { readonly name: string; readonly here: string; readonly there: string }[],
  leader: string,
  code: string,
  consequence: string,
): readonly Finding[] {
  if (differing.length === 0) return [];
  const named = differing.slice(0, MOST_NAMES);
  const rest = differing.length - named.length;
  const list = named.map(({ name, here, there }) => `${name} = ${here} (${leader}: ${there})`);
  const statements = named.map(({ name, there }) => statementFor(name, there));
  return [
    {
      ...{ severity: 'hurts', code },
      text: `${list.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}: ${consequence}`,
      remedy: `${statements.join('; ')}; then select pg_reload_conf(), and restart the server where pg_settings says pending_restart`,
    },
  ];
}

/** A list in quotes would be a single name. */
function statementFor(name: string, value: string): string {
  const values = IS_LIST.test(name) && value !== '' ? namesIn(value) : [value];
  return `alter system set ${name} = ${values.map((each) => `'${each.replaceAll("'", "''")}'`).join(', ')}`;
}
