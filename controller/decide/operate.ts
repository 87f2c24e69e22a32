/** What operators ask: each command is refused with its reason, done at once, or begun and answered when it has come to its end. */
import { assertNever } from '#core/assert.js';
import type { OperatorCommand } from '#core/operator.js';
import { isReleased } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import { beginInspection, adopt } from '#controller/decide/adopt.js';
import { mayAct } from '#controller/decide/authority.js';
import { cancelReinit, changePolicy, reinit, setCare, setMaintenance } from '#controller/decide/care.js';
import { isInDoubt } from '#controller/decide/doubt.js';
import { forecast } from '#controller/decide/forecast.js';
import { beginHold, endHold } from '#controller/decide/hold.js';
import { decideAsPlanned } from '#controller/decide/identity.js';
import { beginOrder } from '#controller/decide/order.js';
import { release } from '#controller/decide/release.js';
import { inWords, replyDone, replyError } from '#controller/decide/reply.js';
import type { ClusterState, Context, Event, Stored } from '#controller/decide/state.js';

export function operate(
  cluster: ClusterState,
  event: Event & { kind: 'operate' },
  context: Context,
): ClusterState {
  const { command, request } = event;
  const { role } = context;
  if (!mayAct(role, context.authorityNow) || role.kind !== 'active' || !role.loaded) {
    replyError(request, 'NOT_ACTIVE', `${context.controller} is not the active controller`, context);
    return cluster;
  }
  if (command.kind === 'inspect') return beginInspection(cluster, request, context);
  if (command.kind === 'adopt') return adopt(cluster, command, request, context);
  const { stored } = cluster;
  if (stored === undefined || isReleased(stored.plan)) {
    replyError(request, 'NOT_ADOPTED', `cluster ${cluster.name} is not in care`, context);
    return cluster;
  }
  // E6: asked of a plan that may not be the newest.
  if (isInDoubt(cluster, context)) {
    replyError(request, 'OPERATION_REFUSED', inWords(cluster.said ?? reason('STORE_BEHIND')), context);
    return cluster;
  }
  return decideAsPlanned(cluster, stored.plan, context, (seen) =>
    inCare(seen, stored, command, request, context),
  );
}

function inCare(
  cluster: ClusterState,
  stored: Stored,
  command: Exclude<OperatorCommand, { kind: 'inspect' | 'adopt' }>,
  request: number,
  context: Context,
): ClusterState {
  const { plan } = stored;
  switch (command.kind) {
    case 'forecast': {
      replyDone(request, { kind: 'forecast', forecast: forecast(cluster, plan, command, context) }, context);
      return cluster;
    }
    case 'switchover':
      return beginOrder(
        cluster,
        plan,
        { ...command, acceptLoss: false, leaderIsOff: false },
        request,
        context,
      );
    case 'failover':
      return beginOrder(cluster, plan, command, request, context);
    case 'pause':
    case 'resume':
      return setCare(cluster, plan, command, request, context);
    case 'hold':
      return beginHold(cluster, plan, command, request, context);
    case 'endHold':
      return endHold(cluster, plan, command.by, request, context);
    case 'maintenance':
      return setMaintenance(cluster, plan, command, request, context);
    case 'reinit':
      return reinit(cluster, plan, command, request, context);
    case 'cancelReinit':
      return cancelReinit(cluster, plan, command, request, context);
    case 'setPolicy':
      return changePolicy(cluster, plan, command, request, context);
    case 'release':
      return release(cluster, plan, command.by, request, context);
    default:
      return assertNever(command);
  }
}
