/**
 * A controller that was held up itself (stopped, starved, asleep) finds everybody silent when it goes on: what they said meanwhile waits
 * unread. That silence is no evidence, so everybody is given the time to be heard again. Safety does not rest on it: promises, and
 * this controller's own authority, run on through a stall.
 */
import { asDuration, latest, since } from '#core/brand.js';
import type { ClusterState, ControllerState, Event } from '#controller/decide/state.js';

/** It comes back at the latest after 200 ms (`decide.ts`); shorter than any profile's silence. */
const LATE = asDuration(400);

export function forgiveSilence(state: ControllerState, { at }: Event): ControllerState {
  const isLate = since(state.decidedAt, at) > LATE;
  const clusters = isLate ? forgiven(state.clusters, at) : state.clusters;
  return { ...state, decidedAt: at, clusters };
}

function forgiven(clusters: ControllerState['clusters'], at: Event['at']): ControllerState['clusters'] {
  const heard = (cluster: ClusterState): ClusterState => ({
    ...cluster,
    members: Object.fromEntries(
      Object.entries(cluster.members).map(([name, picture]) => [
        name,
        { ...picture, receivedAt: latest(picture.receivedAt, at) },
      ]),
    ),
  });
  return Object.fromEntries(Object.entries(clusters).map(([name, cluster]) => [name, heard(cluster)]));
}
