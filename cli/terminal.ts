/** Where a command's words go: results to stdout, for programs too; everything about them to stderr. */
import { createInterface } from 'node:readline';

export interface Terminal {
  /** To stdout, as it is. */
  readonly print: (text: string) => void;
  /** One line to stderr. */
  readonly tell: (line: string) => void;
  /** Shows a question on stderr and resolves with the line that a person typed, empty at the end of input; undefined: nobody is there. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** Whether stdout is read by a person, whose screen may be redrawn. */
  readonly isInteractive: boolean;
  readonly hasColours: boolean;
  /** Of the screen, now. */
  readonly rows: () => number;
}

export function processTerminal({ stdin, stdout, stderr, env }: NodeJS.Process): Terminal {
  return {
    print: (text) => void stdout.write(text),
    tell: (line) => void stderr.write(`${line}\n`),
    ask: stdin.isTTY && stderr.isTTY ? (question) => askOnTerminal(question, stdin, stderr) : undefined,
    isInteractive: stdout.isTTY,
    // https://no-color.org
    hasColours: stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    rows: () => stdout.rows,
  };
}

function askOnTerminal(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<string> {
  return new Promise((resolve) => {
    // The terminal's own line editing: interrupting it ends the process, as anywhere else.
    const lines = createInterface({ input, output, terminal: false });
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
    lines.once('close', () => resolve(''));
  });
}
