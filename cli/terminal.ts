/** Where a command's words go: results to stdout, for programs too; everything about them to stderr. */
export interface Terminal {
  /** To stdout, as it is. */
  readonly print: (text: string) => void;
  /** One line to stderr. */
  readonly tell: (line: string) => void;
  /** Whether stdout is read by a person, whose screen may be redrawn. */
  readonly isInteractive: boolean;
  readonly hasColours: boolean;
  /** Of the screen, now. */
  readonly rows: () => number;
}

export function processTerminal({ stdout, stderr, env }: NodeJS.Process): Terminal {
  return {
    print: (text) => void stdout.write(text),
    tell: (line) => void stderr.write(`${line}\n`),
    isInteractive: stdout.isTTY,
    // https://no-color.org
    hasColours: stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    rows: () => stdout.rows,
  };
}
