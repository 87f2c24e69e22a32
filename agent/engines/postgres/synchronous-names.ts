/** The names in synchronous_standby_names, in all its forms: `a, b`, `2 (a, b)`, `FIRST 1 ("a b", c)`, `ANY 2 (*)`. */
export function namesIn(value: string): readonly string[] {
  const [, inner] = /^\s*(?:(?:first|any)\s+)?\d+\s*\((.*)\)\s*$/is.exec(value) ?? [];
  return [...(inner ?? value).matchAll(NAME)].map(([, quoted, bare]) => {
    return quoted?.replaceAll('""', '"') ?? bare ?? '';
  });
}

const NAME = /"((?:[^"]|"")*)"|([^\s,"]+)/g;
