/** Connection strings as libpq reads them. */

/** The options go last and verbatim, so that they win. */
export function conninfo(pairs: Readonly<Record<string, string>>, options: string): string {
  const quoted = Object.entries(pairs).map(([key, value]) => `${key}='${value.replace(/['\\]/g, '\\$&')}'`);
  return [...quoted, ...(options === '' ? [] : [options])].join(' ');
}
