// What the tests of operators' commands share: a command line whose words are recorded, and controllers that answer as they are told.
import { asDuration, asEpoch, asVersion } from '#core/brand.js';
import type { Patience } from '#cli/operator-client.js';
import { NO_DURABILITY } from '#core/durability.js';
import type { OperatorAnswer, OperatorCommand } from '#core/operator.js';
import type { Plan } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import type { Reason } from '#core/reasons.js';
import { answerToJson, commandFromJson } from '#proto/codec/operator.js';
import { run } from '#cli/program.js';

export interface Said {
  readonly status: number;
  readonly out: string;
  /** With the questions that were asked. */
  readonly err: string;
}

/** `types`: what a person types at each question; undefined: nobody is there. */
export async function tanist(words: readonly string[], types?: readonly string[]): Promise<Said> {
  let out = '';
  let err = '';
  const left = [...(types ?? [])];
  const status = await run(words, {
    print: (text) => (out += text),
    tell: (line) => (err += `${line}\n`),
    ask:
      types &&
      (async (question) => {
        err += `${question}\n`;
        return left.shift() ?? '';
      }),
    isInteractive: false,
    hasColours: false,
    rows: () => 24,
  });
  return { status, out, err };
}

export interface FakeControllers {
  /** In place of callOperator. */
  readonly call: (
    addresses: readonly string[],
    method: string,
    request: { readonly cluster: string; readonly commandJson: string },
    patience?: Patience,
  ) => Promise<string>;
  /** Every command that arrived. */
  readonly commands: readonly OperatorCommand[];
  /** How long each was allowed to take. */
  readonly limits: readonly (number | undefined)[];
  /** How many of the reasons were not shown yet. */
  readonly reasonsLeft: () => number;
}

/** `answer` may throw. `reasons` are shown by status one after the other, then none. */
export function controllersThat(
  answer: (command: OperatorCommand) => OperatorAnswer | Promise<OperatorAnswer>,
  reasons: readonly Reason[] = [],
): FakeControllers {
  const commands: OperatorCommand[] = [];
  const limits: (number | undefined)[] = [];
  const left = [...reasons];
  return {
    commands,
    limits,
    reasonsLeft: () => left.length,
    async call(_addresses, method, { commandJson }, patience) {
      if (method === 'status') {
        return JSON.stringify({ active: true, clusters: [{ name: 'orders', reason: left.shift() ?? null }] });
      }
      const command = commandFromJson(commandJson);
      commands.push(command);
      limits.push(patience?.answerWithinMs);
      return answerToJson(await answer(command));
    },
  };
}

export const PLAN: Plan = {
  cluster: 'orders',
  engine: 'postgres',
  dataId: '7',
  epoch: asEpoch(1n),
  version: asVersion(1n),
  generation: 0n,
  leader: 'orders-1',
  members: ['orders-1', 'orders-2', 'orders-3'].map((name) => ({
    name,
    identity: name,
    agentAddress: 'a:1',
    databaseHost: 'a',
    databasePort: 1,
  })),
  eligible: ['orders-2'],
  joining: [],
  care: 'automatic',
  maintenance: [],
  holdMs: asDuration(0),
  durability: NO_DURABILITY,
  upstreams: {},
  reclones: {},
  opening: { state: 'pending', atLeast: undefined, oldLeader: 'adopted', mayLack: false },
  openings: [],
  lastFailover: undefined,
  policy: DEFAULT_POLICY,
};

export const planned = (changes: Partial<Plan> = {}): OperatorAnswer => ({
  kind: 'plan',
  plan: { ...PLAN, ...changes },
});
