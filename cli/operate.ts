/**
 * The one place from which commands leave and where their answers are read. What changes something and stays without an answer that
 * can be read may have been carried out, and is said to.
 */
import { TanistError } from '#core/errors.js';
import type { OperatorAnswer, OperatorCommand } from '#core/operator.js';
import { JsonInvalid } from '#proto/codec/json.js';
import { answerFromJson, commandToJson } from '#proto/codec/operator.js';
import type { Operator } from '#cli/operator.js';

/** Whom a command is for, and who is asked. */
export interface Asked {
  readonly controllers: readonly string[];
  readonly cluster: string;
}

/** `document`: the whole answer as one line of JSON, for `--json`. */
export type Answered<Kind extends OperatorCommand['kind']> = Extract<
  OperatorAnswer,
  { readonly kind: (typeof COMMANDS)[Kind]['answer'] }
> & { readonly document: string };

/** Throws what the controllers refuse with; OUTCOME_UNKNOWN where a change may have been made. */
export async function operate<Command extends OperatorCommand>(
  { controllers, cluster }: Asked,
  command: Command,
  operator: Pick<Operator, 'operate'>,
): Promise<Answered<Command['kind']>> {
  const { answer: expected, withinMs, changes } = COMMANDS[command.kind];
  const json = await operator
    .operate(controllers, cluster, commandToJson(command), withinMs)
    .catch((error: unknown) => {
      if (changes || !(error instanceof TanistError) || error.code !== 'OUTCOME_UNKNOWN') throw error;
      throw new TanistError('CONTROLLER_UNREACHABLE', error.detail);
    });
  const because = (text: string): TanistError =>
    new TanistError(
      changes ? 'OUTCOME_UNKNOWN' : 'CONTROLLER_UNREACHABLE',
      `an answer came that this version does not understand: ${text}`,
    );
  const answer = read(json, because);
  if (answer.kind !== expected) throw because(`${answer.kind} instead of ${expected}`);
  return { ...answer, document: `${JSON.stringify(JSON.parse(json))}\n` } as Answered<Command['kind']>;
}

/** What answers each command, how long that may take, and whether anything is different afterwards. */
const COMMANDS = {
  inspect: { answer: 'inspected', withinMs: 10_000, changes: false },
  adopt: { answer: 'plan', withinMs: 10_000, changes: true },
  release: { answer: 'plan', withinMs: 120_000, changes: true },
  forecast: { answer: 'forecast', withinMs: 10_000, changes: false },
  switchover: { answer: 'handedOver', withinMs: 300_000, changes: true },
  failover: { answer: 'handedOver', withinMs: 300_000, changes: true },
  pause: { answer: 'plan', withinMs: 10_000, changes: true },
  resume: { answer: 'plan', withinMs: 10_000, changes: true },
  hold: { answer: 'held', withinMs: 20_000, changes: true },
  endHold: { answer: 'held', withinMs: 20_000, changes: true },
  maintenance: { answer: 'plan', withinMs: 10_000, changes: true },
  reinit: { answer: 'plan', withinMs: 10_000, changes: true },
  cancelReinit: { answer: 'plan', withinMs: 10_000, changes: true },
  setPolicy: { answer: 'plan', withinMs: 10_000, changes: true },
} as const satisfies Record<
  OperatorCommand['kind'],
  { readonly answer: OperatorAnswer['kind']; readonly withinMs: number; readonly changes: boolean }
>;

function read(json: string, because: (text: string) => TanistError): OperatorAnswer {
  try {
    return answerFromJson(json);
  } catch (error) {
    throw error instanceof JsonInvalid ? because(error.message) : error;
  }
}
