/** The agents' sessions, as the controller sees them: reports come in as events, directives go out. */
import type { MonotonicMs } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import type { ErrorCode } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { EngineName } from '#core/position.js';
import type { Report } from '#core/report.js';

export interface Agents {
  /** Accepts sessions until `stop`. Rejects when the address cannot be bound. Resolves to the port bound. */
  start(emit: (event: AgentEvent) => void): Promise<number>;
  /** Sends to the member's live session; dropped without one. A session that cannot take it is ended. */
  send(cluster: string, member: string, directive: Directive): void;
  /** Ends the member's session for good: its agent exits with this error. */
  refuse(cluster: string, member: string, code: ErrorCode, text: string): void;
  stop(): Promise<void>;
}

export type AgentEvent =
  | {
      readonly kind: 'agent-connected';
      readonly cluster: string;
      readonly member: PlanMember;
      readonly incarnation: string;
      readonly host: string | undefined;
      readonly engine: EngineName | undefined;
    }
  | {
      readonly kind: 'agent-report';
      readonly cluster: string;
      readonly member: string;
      readonly report: Report;
      readonly receivedAt: MonotonicMs;
    }
  | {
      readonly kind: 'agent-disconnected';
      readonly cluster: string;
      readonly member: string;
      readonly incarnation: string;
    };
