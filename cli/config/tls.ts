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
  const readable = readableAt(at, { absolute, refuse });
  return {
    ca: readable('ca', ca),
    cert: cert === undefined ? undefined : readable('cert', cert),
    key: key === undefined ? undefined : readable('key', key),
  };
}

/** Of a server: `ca` only where its clients have certificates too. */
export function serverCertificates(
  { ca, cert, key }: { readonly ca?: string | undefined; readonly cert: string; readonly key: string },
  at: readonly string[],
  file: Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>,
) {
  const readable = readableAt(at, file);
  return {
    cert: readable('cert', cert),
    key: readable('key', key),
    ca: ca === undefined ? undefined : readable('ca', ca),
  };
}

function readableAt(
  at: readonly string[],
  { absolute, refuse }: Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>,
): (name: keyof Names, file: string) => string {
  return (name, file) => {
    const found = absolute(file);
    try {
      accessSync(found, constants.R_OK);
    } catch (error) {
      refuse([...at, name], `${found} cannot be read: ${codeOf(error)}`);
    }
    return found;
  };
}
