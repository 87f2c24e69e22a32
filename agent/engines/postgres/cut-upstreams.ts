/** Cuts, before a start, every way by which log could arrive: nobody has looked yet whom this server may follow. */
import { entriesOf, readAutoConf, setEmpty, writeAutoConf } from '#agent/engines/postgres/auto-conf.js';
import {
  type Original,
  SETTING_NAMES,
  type SettingName,
  type Settings,
  rememberOriginals,
} from '#agent/engines/postgres/originals.js';
import type { Server } from '#agent/engines/postgres/server.js';

export async function cutUpstreams(server: Server): Promise<void> {
  const text = await readAutoConf(server);
  await rememberOriginals(server, settingsIn(text));
  const cut = setEmpty(text, ['primary_conninfo', 'restore_command']);
  if (cut !== text) await writeAutoConf(server, cut);
}

/** While no server can be asked. What another file says takes effect by itself once nothing stands in this one. */
function settingsIn(text: string): Settings {
  const entries = entriesOf(text);
  const found = SETTING_NAMES.map((name): readonly [SettingName, Original] => {
    return [name, { value: entries.get(name) ?? '', inAutoConf: entries.has(name) }];
  });
  return Object.fromEntries(found) as Settings;
}
