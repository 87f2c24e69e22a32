/** The executable with its answers read: what it says wrongly is one error, SCRIPT_BROKEN, and nothing follows from it. */
import { z } from 'zod';
import { ERRORS, type ErrorCode, TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { type Caller, callScript, type Outcome } from '#agent/engines/exec/call.js';
import { ANSWERS, type AnswerTo, type Command } from '#agent/engines/exec/protocol.js';

export interface Script {
  /** Throws SCRIPT_BROKEN, SCRIPT_SILENT, or what the script refuses with. */
  ask<Name extends Command>(command: Name, input: object, bounds: Bounds): Promise<AnswerTo<Name>>;
}

export function createScript(caller: Caller): Script {
  return {
    ask: async (command, input, bounds) =>
      answerIn(command, await callScript(caller, command, input, bounds)),
  };
}

/** Throws as `Script.ask` does. */
export function answerIn<Name extends Command>(command: Name, outcome: Outcome): AnswerTo<Name> {
  switch (outcome.kind) {
    case 'answered':
      return read(command, outcome.answer);
    case 'refused':
      throw new TanistError(refusalCode(outcome.code), outcome.text);
    case 'silent':
      throw new TanistError('SCRIPT_SILENT', outcome.text);
    case 'broken':
      throw new TanistError('SCRIPT_BROKEN', outcome.text);
  }
}

/** Codes that the agent acts on, or that say to people what to mend; all else is a step that failed. */
const CODES: readonly ErrorCode[] = [
  ...(['LOG_GONE', 'TAIL_UNAVAILABLE', 'DATABASE_REFUSED', 'DATABASE_UNREACHABLE'] as const),
  ...(['DATABASE_UNSUPPORTED', 'NOT_A_DATA_DIRECTORY', 'DATA_DIRECTORY_DAMAGED'] as const),
];

const refusalCode = (code: string): ErrorCode =>
  code in ERRORS && CODES.includes(code as ErrorCode) ? (code as ErrorCode) : 'ENGINE_FAILED';

function read<Name extends Command>(command: Name, answer: unknown): AnswerTo<Name> {
  const result = z.safeDecode<z.ZodType>(ANSWERS[command], answer);
  if (result.success) return result.data as AnswerTo<Name>;
  const [first] = result.error.issues;
  const where = first?.path.join('.') ?? '';
  throw new TanistError(
    'SCRIPT_BROKEN',
    `${command}: ${where === '' ? 'the answer' : where}: ${first?.message ?? 'not as docs/exec.md says'}`,
  );
}
