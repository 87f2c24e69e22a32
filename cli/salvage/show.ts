/** `tanist salvage`: what was saved before it was destroyed, and the rows of one of them. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { TanistError } from '#core/errors.js';
import { type ComparedRow, ROWS_FILE, type SalvagedRow, type SalvageRecord, STANDS } from '#core/salvage.js';
import type { LedgerEntry } from '#core/ledger.js';
import { ledgerEntryFromJson } from '#proto/codec/json.js';
import type { Operator } from '#cli/operator.js';
import type { Agent, SalvageSource } from '#cli/salvage/agents.js';
import { gapsOf } from '#cli/salvage/identifiers.js';
import { renderCompared, renderList, renderRecord, renderRow } from '#cli/salvage/render.js';
import { askStatus } from '#cli/status/ask.js';
import type { Terminal } from '#cli/terminal.js';
import { createPaint } from '#cli/view/paint.js';

export interface SalvageRequest {
  readonly controllers: readonly string[];
  readonly cluster: string;
}

export interface ShowRequest extends SalvageRequest {
  readonly epoch: number;
  readonly member: string | undefined;
  readonly database: string | undefined;
  readonly as: 'text' | 'json' | 'sql';
  /** Each row beside what the new leader has now. */
  readonly compared: boolean;
  /** Rows, as text. */
  readonly limit: number;
}

export interface Sources {
  readonly operator: Pick<Operator, 'status' | 'history'>;
  readonly salvages: SalvageSource;
}

export async function listSalvages(
  { controllers, cluster, json }: SalvageRequest & { readonly json: boolean },
  { operator, salvages }: Sources,
  terminal: Terminal,
): Promise<void> {
  const answers = await salvages.list(cluster, await agentsOf(operator, controllers, cluster));
  if (!json) return terminal.print(renderList(cluster, answers, createPaint(terminal.hasColours)));
  const document = {
    salvages: answers.flatMap((answer) => (answer.kind === 'answered' ? answer.records : [])),
    silent: answers.flatMap((answer) => (answer.kind === 'silent' ? [answer.agent.member] : [])),
  };
  terminal.print(`${JSON.stringify(document, undefined, 2)}\n`);
}

export async function showSalvage(
  request: ShowRequest,
  { operator, salvages }: Sources,
  terminal: Terminal,
): Promise<void> {
  const { cluster, controllers } = request;
  const answers = await salvages.list(cluster, await agentsOf(operator, controllers, cluster));
  const found = answers.flatMap((answer) =>
    answer.kind === 'answered'
      ? answer.records.filter((one) => isMeant(one, request)).map((record) => ({ ...answer, record }))
      : [],
  );
  const [one, ...others] = found;
  if (one === undefined) {
    const silent = answers.flatMap((answer) => (answer.kind === 'silent' ? [answer.agent.member] : []));
    const detail = silent.length === 0 ? '' : `; not heard: ${silent.join(', ')}`;
    throw new TanistError(
      'SALVAGE_UNAVAILABLE',
      `none of ${cluster} at epoch ${request.epoch}${detail}`,
      LIST,
    );
  }
  if (others.length > 0)
    throw new TanistError(
      'SALVAGE_UNAVAILABLE',
      `there are ${found.length} of ${cluster} at epoch ${request.epoch}: ${found.map(({ record }) => record.member).join(', ')}`,
      'name one with --member',
    );
  const { agent, record } = one;
  const read = (file: string): AsyncIterable<Buffer> => salvages.read(cluster, agent, record.name, file);
  switch (request.as) {
    case 'sql':
      return print(read(statementsOf(record, request.database)), terminal);
    case 'json':
      return print(
        request.compared ? salvages.compare(cluster, agent, record.name) : read(ROWS_FILE),
        terminal,
      );
    case 'text':
      terminal.print(
        renderRecord(
          record,
          gapsOf(record, await entryOf(operator, request)),
          createPaint(terminal.hasColours),
        ),
      );
      return request.compared
        ? printCompared(salvages.compare(cluster, agent, record.name), request.limit, terminal)
        : printRows(read(ROWS_FILE), request.limit, terminal);
  }
}

const MOST_ENTRIES = 1000;
const LIST = 'tanist salvage list shows what there is';

const isMeant = (record: SalvageRecord, { epoch, member }: ShowRequest): boolean =>
  record.epoch === epoch && (member === undefined || record.member === member);

/** A file of statements is for one database. */
function statementsOf({ statements }: SalvageRecord, database: string | undefined): string {
  const names = Object.keys(statements);
  const name = database ?? (names.length === 1 ? names[0] : undefined);
  const file = name === undefined ? undefined : statements[name];
  if (file !== undefined) return file;
  if (names.length === 0) throw new TanistError('SALVAGE_UNAVAILABLE', 'no rows were saved', LIST);
  throw new TanistError(
    'SALVAGE_UNAVAILABLE',
    database === undefined ? 'rows of several databases were saved' : `no rows of ${database} were saved`,
    `name one of them with --database: ${names.join(', ')}`,
  );
}

async function print(pieces: AsyncIterable<Buffer>, terminal: Terminal): Promise<void> {
  const decoder = new TextDecoder();
  for await (const piece of pieces) terminal.print(decoder.decode(piece, { stream: true }));
  terminal.print(decoder.decode());
}

async function printRows(pieces: AsyncIterable<Buffer>, limit: number, terminal: Terminal): Promise<void> {
  let shown = 0;
  let more = 0;
  for await (const line of createInterface({ input: Readable.from(pieces), crlfDelay: Infinity })) {
    if (line === '') continue;
    if (shown === limit) {
      more += 1;
      continue;
    }
    if (shown === 0) terminal.print('\n');
    shown += 1;
    terminal.print(`${renderRow(JSON.parse(line) as SalvagedRow)}\n`);
  }
  if (more > 0) terminal.print(`and ${more} more: --limit, --json or --sql\n`);
}

/** What is as it was is counted only. */
async function printCompared(
  pieces: AsyncIterable<Buffer>,
  limit: number,
  terminal: Terminal,
): Promise<void> {
  const paint = createPaint(terminal.hasColours);
  const counts = Object.fromEntries(STANDS.map((stands) => [stands, 0])) as Record<
    ComparedRow['stands'],
    number
  >;
  let shown = 0;
  for await (const line of createInterface({ input: Readable.from(pieces), crlfDelay: Infinity })) {
    if (line === '') continue;
    const row = JSON.parse(line) as ComparedRow;
    counts[row.stands] += 1;
    if (row.stands === 'same' || shown === limit) continue;
    if (shown === 0) terminal.print('\n');
    shown += 1;
    terminal.print(`${renderCompared(row, paint)}\n`);
  }
  const differing = counts.missing + counts.conflicting + counts.unknown;
  if (differing > shown) terminal.print(`and ${differing - shown} more: --limit or --json\n`);
  terminal.print(`\n${STANDS.map((stands) => `${counts[stands]} ${stands}`).join(', ')}\n`);
}

/** Undefined: it is forgotten, or no controller can tell. */
async function entryOf(
  operator: Pick<Operator, 'history'>,
  { controllers, cluster, epoch }: ShowRequest,
): Promise<LedgerEntry | undefined> {
  const texts = await operator.history(controllers, cluster, MOST_ENTRIES).catch(() => []);
  for (const text of texts) {
    try {
      const entry = ledgerEntryFromJson(text);
      if (Number(entry.epoch) === epoch) return entry;
    } catch {
      continue; // of another version: it says nothing here
    }
  }
  return undefined;
}

async function agentsOf(
  operator: Pick<Operator, 'status'>,
  controllers: readonly string[],
  cluster: string,
): Promise<readonly Agent[]> {
  const { document } = await askStatus(operator, controllers, cluster);
  const found = document.clusters.find(({ name }) => name === cluster);
  if (found === undefined)
    throw new TanistError(
      'NOT_ADOPTED',
      `no controller knows a cluster ${cluster}`,
      'tanist status names those in care',
    );
  return found.members.map(({ name, agentAddress }) => ({ member: name, address: agentAddress }));
}
