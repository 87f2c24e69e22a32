/** `tanist history`: the ledger of one cluster, newest first; or each failover as it comes. */
import { TanistError } from '#core/errors.js';
import type { LedgerEntry } from '#core/ledger.js';
import { JsonInvalid, ledgerEntryFromJson } from '#proto/codec/json.js';
import { renderHistory } from '#cli/history/render.js';
import type { Operator } from '#cli/operator.js';
import type { Terminal } from '#cli/terminal.js';
import { createPaint } from '#cli/view/paint.js';

export interface HistoryRequest {
  readonly controllers: readonly string[];
  readonly cluster: string;
  readonly limit: number;
  readonly json: boolean;
}

export async function showHistory(
  request: HistoryRequest,
  operator: Operator,
  terminal: Terminal,
): Promise<void> {
  const texts = await operator.history(request.controllers, request.cluster, request.limit);
  if (request.json) {
    // As it was stored: a script may know a newer form of it than this version does.
    const entries = texts.map((text) => JSON.parse(text) as unknown);
    return terminal.print(`${JSON.stringify(entries, undefined, 2)}\n`);
  }
  if (texts.length === 0) return terminal.print(`nothing is recorded of cluster ${request.cluster}\n`);
  terminal.print(renderHistory(texts.map(readEntry), createPaint(terminal.hasColours)));
}

/** Until it is interrupted. With `json` one entry per line. */
export async function followHistory(
  { json }: Pick<HistoryRequest, 'json'>,
  events: AsyncIterable<string>,
  terminal: Terminal,
): Promise<void> {
  const paint = createPaint(terminal.hasColours);
  for await (const text of events)
    terminal.print(
      json ? `${JSON.stringify(JSON.parse(text))}\n` : `${renderHistory([readEntry(text)], paint)}\n`,
    );
}

function readEntry(text: string): LedgerEntry {
  try {
    return ledgerEntryFromJson(text);
  } catch (error) {
    if (!(error instanceof JsonInvalid)) throw error;
    const next =
      'if the controllers are of a newer version than this tanist, use theirs; --json shows the entries as they are';
    throw new TanistError('STORE_CORRUPT', error.message, next);
  }
}
