/** Commands of operators and their answers, as JSON on the wire: scripts read them, and a newer command is refused by name. */
import { z } from 'zod';
import type { OperatorAnswer, OperatorCommand } from '#core/operator.js';
import { ENGINES } from '#core/position.js';
import { SEVERITIES } from '#core/report.js';
import { decodeJson, encodeJson } from '#proto/codec/json.js';
import { bigintSchema, durationSchema, epochSchema, orNull } from '#proto/codec/scalars.js';
import { planSchema, policySchema, reasonSchema } from '#proto/codec/schemas.js';

export const commandToJson = (command: OperatorCommand): string =>
  encodeJson('command', commandSchema, command);
export const commandFromJson = (text: string): OperatorCommand => decodeJson('command', commandSchema, text);
export const answerToJson = (answer: OperatorAnswer): string => encodeJson('answer', answerSchema, answer);
export const answerFromJson = (text: string): OperatorAnswer => decodeJson('answer', answerSchema, text);

const name = z.string().min(1);
const by = z.string().max(256);
const to = orNull(name);

const commandSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('inspect') }),
  z.strictObject({ kind: z.literal('adopt'), policy: policySchema, by, leaderIsOff: z.boolean() }),
  z.strictObject({ kind: z.literal('release'), by }),
  z.strictObject({
    kind: z.literal('forecast'),
    of: z.enum(['switchover', 'failover']),
    to,
    leaderIsOff: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('switchover'), to, by }),
  z.strictObject({ kind: z.literal('failover'), to, by, acceptLoss: z.boolean(), leaderIsOff: z.boolean() }),
  z.strictObject({ kind: z.literal('pause'), by }),
  z.strictObject({ kind: z.literal('resume'), by }),
  z.strictObject({ kind: z.literal('hold'), forMs: durationSchema, by }),
  z.strictObject({ kind: z.literal('endHold'), by }),
  z.strictObject({ kind: z.literal('maintenance'), member: name, on: z.boolean(), by }),
  z.strictObject({ kind: z.literal('reinit'), member: name, from: to, waiveSalvage: z.boolean(), by }),
  z.strictObject({ kind: z.literal('cancelReinit'), member: name, by }),
  z.strictObject({ kind: z.literal('setPolicy'), policy: policySchema, by }),
]);

const finding = {
  severity: z.enum(SEVERITIES),
  code: z.string(),
  text: z.string(),
  remedy: z.string(),
};

const inspectionSchema = z
  .strictObject({
    cluster: name,
    leader: orNull(name),
    members: z
      .array(
        z
          .strictObject({
            name,
            role: z.enum(['leader', 'replica', 'unknown']),
            address: z.string(),
            upstream: orNull(z.string()),
            streaming: z.boolean(),
            eligible: z.boolean(),
          })
          .readonly(),
      )
      .readonly(),
    findings: z.array(z.strictObject({ ...finding, member: orNull(name) }).readonly()).readonly(),
  })
  .readonly();

const forecastSchema = z
  .strictObject({
    of: z.enum(['switchover', 'failover']),
    leader: name,
    engine: z.enum(ENGINES),
    candidate: orNull(name),
    behind: orNull(bigintSchema),
    loss: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('none') }).readonly(),
      z.strictObject({ kind: z.literal('possible'), text: z.string() }).readonly(),
    ]),
    waitMs: z.number(),
    refused: orNull(reasonSchema),
    others: z.array(z.strictObject({ member: name, reason: reasonSchema }).readonly()).readonly(),
  })
  .readonly();

const answerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('plan'), plan: planSchema }),
  z.strictObject({ kind: z.literal('inspected'), inspection: inspectionSchema }),
  z.strictObject({ kind: z.literal('forecast'), forecast: forecastSchema }),
  z.strictObject({
    kind: z.literal('handedOver'),
    handover: z.strictObject({ from: name, to: name, epoch: epochSchema, closedMs: z.number() }).readonly(),
  }),
  z.strictObject({
    kind: z.literal('held'),
    held: z.strictObject({ leader: name, awayMs: orNull(z.number()), promiseMs: z.number() }).readonly(),
  }),
]);
