/**
 * Problem: every controller answers, but only the active one holds the plans; and an operator wants to know of a controller that
 * is gone while the others still do their work.
 * Rule: all are asked at once, and the active one's answer is shown. Once it is there, the others get a moment, no more.
 * Consequence: a controller that hangs costs a quarter of a second, not a deadline.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TanistError } from '#core/errors.js';
import type { StatusDocument } from '#core/status.js';
import type { Operator } from '#cli/operator.js';

const MOMENT_MS = 250;

export interface StatusAnswer {
  /** The active controller's; a standby's when none is active. */
  readonly document: StatusDocument;
  /** In the order of the addresses. */
  readonly controllers: readonly ControllerAnswer[];
}

export type ControllerAnswer =
  | { readonly kind: 'answered'; readonly address: string; readonly document: StatusDocument }
  /** `text` names the address too. */
  | { readonly kind: 'silent'; readonly address: string; readonly text: string };

/** Throws CONTROLLER_UNREACHABLE when no controller answers. `cluster` undefined means all. */
export async function askStatus(
  operator: Pick<Operator, 'status'>,
  addresses: readonly string[],
  cluster: string | undefined,
): Promise<StatusAnswer> {
  const answers: ControllerAnswer[] = addresses.map((address) => ({
    kind: 'silent',
    address,
    text: `${address}: no answer yet`,
  }));
  const asked = addresses.map(async (address, index) => {
    const answer = await askOne(operator, address, cluster);
    answers[index] = answer;
    return answer;
  });
  const everybody = Promise.all(asked);
  await Promise.race([everybody, firstActive(asked).then(() => sleep(MOMENT_MS, undefined, { ref: false }))]);
  const documents = answers.flatMap((answer) => (answer.kind === 'answered' ? [answer.document] : []));
  const document = documents.find(({ active }) => active) ?? fullest(documents);
  if (document === undefined) throw unreachable(answers);
  return { document, controllers: answers };
}

async function askOne(
  operator: Pick<Operator, 'status'>,
  address: string,
  cluster: string | undefined,
): Promise<ControllerAnswer> {
  try {
    const text = await operator.status([address], cluster);
    return { kind: 'answered', address, document: readDocument(text, address) };
  } catch (error) {
    if (!(error instanceof TanistError)) throw error;
    return { kind: 'silent', address, text: error.detail };
  }
}

/** Settles with the first answer of an active controller; never, if there is none. */
function firstActive(asked: readonly Promise<ControllerAnswer>[]): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const one of asked) {
      one.then((answer) => {
        if (answer.kind === 'answered' && answer.document.active) resolve();
      }, reject);
    }
  });
}

/** Standbys hear every agent, but one that has just started has not heard all of them yet. */
const fullest = (documents: readonly StatusDocument[]): StatusDocument | undefined =>
  [...documents].sort((a, b) => heard(b) - heard(a))[0];

const heard = ({ clusters }: StatusDocument): number =>
  clusters.flatMap(({ members }) => members).filter(({ connected }) => connected).length;

/**
 * Not held against a schema: a controller of a newer version may say more, and what is shown here decides nothing. But
 * something that is no status at all is no controller.
 */
function readDocument(text: string, address: string): StatusDocument {
  try {
    const document = JSON.parse(text) as StatusDocument;
    if (typeof document.active === 'boolean' && Array.isArray(document.clusters)) return document;
  } catch {
    // not JSON at all
  }
  throw new TanistError(
    'CONTROLLER_UNREACHABLE',
    `${address}: it answers, but not with a status that this version understands`,
  );
}

function unreachable(answers: readonly ControllerAnswer[]): TanistError {
  const told = answers.flatMap((answer) => (answer.kind === 'silent' ? [answer.text] : []));
  return new TanistError('CONTROLLER_UNREACHABLE', told.join('; '));
}
