/** What the executable answers, command by command (docs/exec.md); read once, at the door. */
import { z } from 'zod';
import type { LineagePosition } from '#core/positions/lineage.js';
import { epochSchema, placeSchema } from '#proto/codec/scalars.js';
import { PROTOCOL } from '#agent/engines/exec/call.js';

/** What a script may leave out. */
export const CAPABILITIES = ['tail', 'checkpoint', 'release', 'watch'] as const;
export type Capability = (typeof CAPABILITIES)[number];

const markSchema = z.strictObject({ epoch: epochSchema, mark: z.string().min(1) }).readonly();

/** Without the engine's name, which no script has to say. */
const positionSchema = z
  .strictObject({
    dataId: z.string().min(1),
    line: z.string().min(1),
    at: placeSchema,
    forks: z.array(z.strictObject({ line: z.string().min(1), end: placeSchema }).readonly()).readonly(),
    marks: z.array(markSchema).readonly(),
  })
  .readonly();

export const ANSWERS = {
  describe: z.strictObject({
    name: z.string().min(1),
    protocol: z.literal(PROTOCOL),
    capabilities: z.array(z.enum(CAPABILITIES)).readonly(),
  }),
  status: z.discriminatedUnion('state', [
    z.strictObject({
      state: z.literal('running'),
      processes: z.array(z.number().int().min(2)).readonly(),
      dataId: z.string(),
      copyId: z.string().min(1).optional(),
      closed: z.boolean(),
      bootClosed: z.boolean(),
      wrote: z.boolean(),
      position: positionSchema,
      receives: z
        .strictObject({ from: z.string().min(1), streaming: z.boolean() })
        .readonly()
        .nullable(),
      followers: z.array(z.string()).readonly(),
      backlog: z.number().int().min(0),
    }),
    z.strictObject({
      state: z.literal('changing'),
      processes: z.array(z.number().int().min(2)).readonly(),
      dataId: z.string(),
      copyId: z.string().min(1).optional(),
    }),
    z.strictObject({
      state: z.enum(['stopped', 'crashed']),
      dataId: z.string(),
      copyId: z.string().min(1).optional(),
    }),
  ]),
  start: z.strictObject({}),
  seal: z.strictObject({}),
  promote: z.strictObject({ mark: z.string().min(1) }),
  open: z.strictObject({}),
  follow: z.strictObject({}),
  tail: z.strictObject({ atLeast: positionSchema }),
  apply: z.strictObject({}),
  probe: z.strictObject({ answering: z.enum(['answers', 'silent', 'refuses']) }),
  checkpoint: z.strictObject({}),
  release: z.strictObject({}),
} as const;

/** All but `fence`, whose answer nobody waits for. */
export type Command = keyof typeof ANSWERS;
export type AnswerTo<Name extends Command> = z.output<(typeof ANSWERS)[Name]>;
export type Status = AnswerTo<'status'>;
export type RunningStatus = Extract<Status, { readonly state: 'running' }>;
export type DeclaredPosition = z.output<typeof positionSchema>;

export const positionOf = (declared: DeclaredPosition): LineagePosition => ({ engine: 'exec', ...declared });

/** As a script reads it. */
export const declare = ({ dataId, line, at, forks, marks }: LineagePosition): unknown =>
  z.encode(positionSchema, { dataId, line, at, forks, marks });
