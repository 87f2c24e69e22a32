/**
 * Settings as they were found, as far as that lets the cluster go on as it is now. A replica whose administrator pointed it at the server
 * that it follows is pointed there in his words; any other goes on following the present leader, without our slot. A leader follows
 * nobody, and so gets back whatever stood there, unless a later standby.signal would make it follow itself.
 */
import type { PlanMember } from '#core/plan.js';
import { AUTO_CONF, entriesOf, readAutoConf, writeAutoConf } from '#agent/engines/postgres/auto-conf.js';
import { type Bounds, awaitWithin } from '#agent/engines/bounds.js';
import { conninfoFor } from '#agent/engines/postgres/follow.js';
import {
  NEUTRAL,
  type Original,
  SETTING_NAMES,
  type SettingName,
  type Settings,
  isOurs,
  readOriginals,
} from '#agent/engines/postgres/originals.js';
import { type Place, isAmong, leadsHere, placesOf } from '#agent/engines/postgres/places.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readSettings, reload, setTo } from '#agent/engines/postgres/settings.js';

/** `value` undefined: no line of postgresql.auto.conf. */
interface Line {
  readonly name: SettingName;
  readonly value: string | undefined;
}

/** `upstream`: whom a replica follows; undefined on a leader. Answers whether the stream begins anew. */
export async function releaseSettings(
  server: Server,
  upstream: Place | undefined,
  peers: readonly PlanMember[],
  bounds: Bounds,
): Promise<boolean> {
  const originals = await readOriginals(server);
  const found = await readSettings(server, bounds.left());
  const settings = originals?.settings ?? guessOriginals(server, found, peers);
  const lines =
    upstream === undefined
      ? await linesOfLeader(server, settings, bounds)
      : await linesOfReplica(server, settings, upstream, bounds);
  const changed: SettingName[] = [];
  for (const { name, value } of lines) {
    bounds.check();
    if (await setTo(server, found, name, value, bounds.left())) changed.push(name);
  }
  if (originals !== undefined) await restoreText(server, originals.autoConf);
  if (changed.length > 0) await reload(server, bounds.left());
  return changed.some((name) => name.startsWith('primary_'));
}

async function linesOfReplica(
  server: Server,
  settings: Settings,
  upstream: Place,
  bounds: Bounds,
): Promise<readonly Line[]> {
  const others = [lineOf(settings, 'restore_command'), lineOf(settings, 'recovery_min_apply_delay')];
  const { value, inAutoConf } = settings.primary_conninfo;
  const places = placesOf(inAutoConf ? value : await valueInFiles(server, 'primary_conninfo', bounds));
  if (await awaitWithin(bounds, isAmong(upstream, places)))
    return [lineOf(settings, 'primary_slot_name'), lineOf(settings, 'primary_conninfo'), ...others];
  // A slot of his was one on another server.
  const inFiles = await valueInFiles(server, 'primary_slot_name', bounds);
  return [{ name: 'primary_slot_name', value: inFiles === '' ? undefined : '' }, ...others];
}

async function linesOfLeader(server: Server, settings: Settings, bounds: Bounds): Promise<readonly Line[]> {
  const { value, inAutoConf } = settings.primary_conninfo;
  const isItself = inAutoConf && (await awaitWithin(bounds, leadsHere(placesOf(value), server.config.port)));
  if (isItself)
    server.log('warn', 'RELEASED_WITHOUT_UPSTREAM', { because: 'it leads to this server itself' });
  return SETTING_NAMES.map((name) => {
    return isItself && name === 'primary_conninfo' ? { name, value: undefined } : lineOf(settings, name);
  });
}

function lineOf(settings: Settings, name: SettingName): Line {
  const { value, inAutoConf } = settings[name];
  return { name, value: inAutoConf ? value : undefined };
}

/** What counts when there is no line of postgresql.auto.conf. */
async function valueInFiles(server: Server, name: SettingName, bounds: Bounds): Promise<string> {
  const [row] = await server.connection.query<{ setting: string }>(
    `select setting from pg_file_settings
      where name = $1 and sourcefile not like '%/${AUTO_CONF}' and error is null order by seqno desc limit 1`,
    { values: [name], timeoutMs: bounds.left() },
  );
  return row?.setting ?? NEUTRAL[name];
}

/** Nothing is known of the time before: what is not ours was there. */
function guessOriginals(server: Server, found: Settings, peers: readonly PlanMember[]): Settings {
  const ours = new Set(peers.map((peer) => conninfoFor(server, peer)));
  const cleaned = SETTING_NAMES.map((name): readonly [SettingName, Original] => {
    const { value } = found[name];
    const isOwn = name === 'primary_conninfo' ? value === '' || ours.has(value) : isOurs(server, name, value);
    return [name, isOwn ? { value: NEUTRAL[name], inAutoConf: false } : found[name]];
  });
  return Object.fromEntries(cleaned) as Settings;
}

/**
 * The same lines in the same order, with the same comments: ALTER SYSTEM keeps neither. Only where they say the same as the file does now.
 * What an ALTER SYSTEM changes in the very milliseconds of this is lost; there is no lock to be had on the file.
 */
async function restoreText(server: Server, original: string): Promise<void> {
  const text = await readAutoConf(server);
  if (text === original || !isSame(entriesOf(text), entriesOf(original))) return;
  await writeAutoConf(server, original);
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
