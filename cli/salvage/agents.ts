/**
 * What was saved lies with the agents, each on its own disk, so all of a cluster are asked, side by side; the controllers tell where they are. One that
 * does not answer is named, since what it holds is not shown.
 */
import { TanistError } from '#core/errors.js';
import type { SalvageRecord } from '#core/salvage.js';
import type { ListSalvagesResponse__Output } from '#proto/generated/tanist/v1/ListSalvagesResponse.js';
import type { SalvagePiece__Output } from '#proto/generated/tanist/v1/SalvagePiece.js';
import { describeFailure, openConnection } from '#proto/client.js';
import { wire } from '#proto/load.js';

export interface Agent {
  readonly member: string;
  /** `host:port`. */
  readonly address: string;
}

export type AgentAnswer =
  | { readonly kind: 'answered'; readonly agent: Agent; readonly records: readonly SalvageRecord[] }
  | { readonly kind: 'silent'; readonly agent: Agent; readonly text: string };

export interface SalvageSource {
  list(cluster: string, agents: readonly Agent[]): Promise<readonly AgentAnswer[]>;
  /** A file, in pieces. Rejects with SALVAGE_UNAVAILABLE. */
  read(cluster: string, agent: Agent, name: string, file: string): AsyncIterable<Buffer>;
  /** Its rows, compared with what the agent's database holds now: `ComparedRow` as lines of JSON. Rejects with SALVAGE_UNAVAILABLE. */
  compare(cluster: string, agent: Agent, name: string): AsyncIterable<Buffer>;
}

const PROMPTLY_MS = 3000;
/** Between two pieces. */
const SILENT_MS = 30_000;
const LIMITS = { maxMessageBytes: 64 * 1024 * 1024, windowBytes: 4 * 1024 * 1024 };

export const salvageSource: SalvageSource = {
  list: (cluster, agents) => Promise.all(agents.map((agent) => listOne(cluster, agent))),
  read: (cluster, agent, name, file) =>
    pieces(agent, name, file, ({ client }) => client.read({ cluster, name, file })),
  compare: (cluster, agent, name) =>
    pieces(agent, name, 'the comparison', ({ client }) => client.compare({ cluster, name })),
};

type Connection = ReturnType<typeof connect>;

const connect = (agent: Agent) => openConnection(wire.Salvages, agent.address, LIMITS);

/** One from before identifiers were noted has none. */
const recordOf = (text: string): SalvageRecord => {
  const record = JSON.parse(text) as Omit<SalvageRecord, 'identifiers'> & Partial<SalvageRecord>;
  return { ...record, identifiers: record.identifiers ?? {} };
};

async function listOne(cluster: string, agent: Agent): Promise<AgentAnswer> {
  const connection = connect(agent);
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<ListSalvagesResponse__Output>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${PROMPTLY_MS} ms`));
      }, PROMPTLY_MS);
      connection.client.list({ cluster }, (error, response) => {
        if (error !== null || response === undefined) reject(error ?? new Error('no answer'));
        else resolve(response);
      });
    });
    const records = answer.recordsJson.map(recordOf);
    return { kind: 'answered', agent, records };
  } catch (error) {
    return { kind: 'silent', agent, text: describeFailure(error) };
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}

async function* pieces(
  agent: Agent,
  name: string,
  what: string,
  ask: (connection: Connection) => ReturnType<Connection['client']['read']>,
): AsyncGenerator<Buffer> {
  const connection = connect(agent);
  const call = ask(connection);
  call.on('error', () => undefined); // the loop below gets it; without a listener it would end the process
  let timer = setTimeout(() => call.cancel(), SILENT_MS);
  try {
    for await (const { data } of call as AsyncIterable<SalvagePiece__Output>) {
      clearTimeout(timer);
      yield data;
      timer = setTimeout(() => call.cancel(), SILENT_MS);
    }
  } catch (error) {
    throw new TanistError(
      'SALVAGE_UNAVAILABLE',
      `${what} of ${agent.member} (${agent.address}): ${describeFailure(error)}`,
      `it lies in salvage/${name} in the state directory there`,
    );
  } finally {
    clearTimeout(timer);
    call.cancel();
    connection.close();
  }
}
