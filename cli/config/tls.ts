/** Certificates that a file names: who is believed, and who this side is. */
import { accessSync, constants } from 'node:fs';
import { type ConfigFile, codeOf } from '#cli/config/read.js';

interface Names {
  readonly ca: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Absolute paths of files that can be read. `at`: the section. */
export function certificates(
  { ca, cert, key }: Names,
  at: readonly string[],
  { absolute, refuse }: Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>,
) {
  if ((cert === undefined) !== (key === undefined))
    refuse([...at], 'cert and key belong together: give both, or neither');
  const readable = (name: 'ca' | 'cert' | 'key', file: string): string => {
    const found = absolute(file);
    try {
      accessSync(found, constants.R_OK);
    } catch (error) {
      refuse([...at, name], `${found} cannot be read: ${codeOf(error)}`);
    }
    return found;
  };
  return {
    ca: readable('ca', ca),
    cert: cert === undefined ? undefined : readable('cert', cert),
    key: key === undefined ? undefined : readable('key', key),
  };
}
