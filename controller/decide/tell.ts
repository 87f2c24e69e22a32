/** What the active controller says to a member's agent, under its term. */
import type { Directive } from '#core/directive.js';
import type { ClusterState, Context } from '#controller/decide/state.js';

type Said<D extends Directive> = D extends Directive ? Omit<D, 'term'> : never;

/** Nobody else says anything. */
export function tell(
  { name: cluster }: Pick<ClusterState, 'name'>,
  member: string,
  said: Said<Directive>,
  { role, emit }: Context,
): void {
  if (role.kind === 'active')
    emit({ kind: 'send', cluster, member, directive: { ...said, term: role.term } });
}
