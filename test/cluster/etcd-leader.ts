/** Who leads etcd, and how another member is made to: losing etcd's leader costs the controllers an election more. */
import { waitFor } from '#test/cluster/processes.js';

const ANSWERS_WITHIN_MS = 1_000;
const LEADS_WITHIN_MS = 10_000;

interface EtcdMember {
  readonly name: string;
  readonly endpoint: string;
  pid(): number | undefined;
}

interface Status {
  readonly header: { readonly member_id: string };
  /** Its member id, 64 bits as text; absent or "0" during an election. */
  readonly leader?: string;
}

/** Waits for an election to end. */
export function findLeader<Member extends EtcdMember>(members: readonly Member[]): Promise<Member> {
  const find = async (): Promise<Member | undefined> => {
    const running = members.filter((member) => member.pid() !== undefined);
    const told = await Promise.all(running.map((member) => ask(member).catch(() => undefined)));
    return running.find((_, i) => {
      const status = told[i];
      return status !== undefined && status.leader === status.header.member_id;
    });
  };
  return waitFor<Member | undefined>(find, { timeoutMs: LEADS_WITHIN_MS, what: 'etcd to have a leader' });
}

/** Hands etcd's leadership over to this member; nothing happens if it leads already. */
export async function moveLeader(members: readonly EtcdMember[], to: EtcdMember): Promise<void> {
  const { header } = await ask(to);
  const moved = async (): Promise<boolean> => {
    const leader = await findLeader(members);
    if (leader === to) return true;
    await post(leader, 'transfer-leadership', { targetID: header.member_id });
    return false;
  };
  await waitFor(moved, { timeoutMs: LEADS_WITHIN_MS, what: `${to.name} to lead etcd`, everyMs: 50 });
}

const ask = async (member: EtcdMember): Promise<Status> => (await post(member, 'status', {})) as Status;

async function post({ name, endpoint }: EtcdMember, call: string, body: object): Promise<unknown> {
  const response = await fetch(`${endpoint}/v3/maintenance/${call}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
  });
  if (!response.ok) throw new Error(`${name}: ${call}: ${response.status} ${await response.text()}`);
  return response.json();
}
