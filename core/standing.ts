/** What clients may use a member's database for, at one instant. */
import type { Epoch } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { DatabaseState, ServingRole } from '#core/report.js';

export interface Standing {
  readonly cluster: string;
  readonly member: string;
  readonly role: ServingRole;
  readonly state: DatabaseState;
  /** NO_EPOCH: not in care. */
  readonly epoch: Epoch;
  /** Of the plan that this agent holds. */
  readonly leader: PlanMember | undefined;
  /** Which acknowledged writes a replica has confirmed: those that are counted on need all of the set, or some of it. */
  readonly confirms: 'every' | 'some' | 'none';
  /** Log that is received and not applied, in the engine's `LOG_UNIT`. */
  readonly backlog: number;
  /** Since its agent decided last, ms. */
  readonly silentMs: number;
}
