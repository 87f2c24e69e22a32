/** The end of a command that failed: what it means, and what to do next, in words; a stack only for what is our mistake. */
import { release } from 'node:os';
import { ERRORS, TanistError } from '#core/errors.js';
import { VERSION } from '#cli/version.js';
import { WHAT_TO_DO } from '#cli/what-to-do.js';

export const EXIT = {
  ok: 0,
  /** A TanistError: something outside of the program is not as it must be. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** A mistake in Tanist; EX_SOFTWARE of sysexits.h. */
  bug: 70,
} as const;

/** The lines to show for any error, and the status to exit with. */
export const renderError = (error: unknown): readonly string[] =>
  error instanceof TanistError ? renderKnown(error) : renderBug(error);

export const exitCodeOf = (error: unknown): number => (error instanceof TanistError ? EXIT.failed : EXIT.bug);

function renderKnown({ code, detail, next }: TanistError): readonly string[] {
  const [first = '', ...more] = detail.split('\n');
  return [
    `error ${code}: ${ERRORS[code]}: ${first}`,
    ...more.map((line) => `  ${line}`),
    `  what to do: ${next ?? WHAT_TO_DO[code]}`,
  ];
}

function renderBug(error: unknown): readonly string[] {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const program = `tanist ${VERSION}, node ${process.version}, ${process.platform} ${release()}`;
  return [stack, `this is a bug in tanist; please report it with the lines above (${program})`];
}
