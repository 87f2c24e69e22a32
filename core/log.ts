/** One line per decision, with its reason code. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  code: string,
  fields: Readonly<Record<string, string | number | boolean>>,
) => void;
