import { type ErrorCode, ERRORS, TanistError } from '#core/errors.js';
import type { OperatorError__Output } from '#proto/generated/tanist/v1/OperatorError.js';

/** What a controller refused with, for people. */
export function asTanistError(address: string, { code, text }: OperatorError__Output): TanistError {
  if (Object.hasOwn(ERRORS, code)) return new TanistError(code as ErrorCode, text);
  return new TanistError(
    'CONTROLLER_UNREACHABLE',
    `${address} answered ${code}, which this version does not know: ${text}`,
  );
}
