/**
 * HAProxy, by its runtime API (2.0 and later). Its own checks go on deciding who is up, by what the agents answer; this makes them agree at once. So nothing stays
 * behind in it that could keep a leader from clients once the router is gone; and while no controller names a leader it is let alone.
 */
import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import type { Epoch } from '#core/brand.js';
import type { Led } from '#core/topology.js';
import type { HaproxyConfig } from '#router/config.js';
import type { Target } from '#router/ports/target.js';
import { splitAddress } from '#proto/client.js';

const ANSWER_WITHIN_MS = 1000;
const MOST_ANSWER_BYTES = 4 * 1024 * 1024;

export function createHaproxy({ socket, backend, servers }: HaproxyConfig): Target {
  const where: NetConnectOpts = socket.startsWith('/') ? { path: socket } : splitAddress(socket);
  /** Whose leader was made known to it. */
  let led: Epoch | undefined;

  function commandsFor(
    leaders: string,
    known: readonly ServerState[],
    is: Led,
    isNew: boolean,
  ): readonly string[] {
    // Who hears of no leader knows no better than its checks. A leader that closes ends its sessions by itself, once it has answered what they have begun:
    // ended here, its clients would never know what became of that.
    if (is !== 'leads') return [];
    const isDown = ({ name, isUp }: ServerState): boolean => name !== leaders && (isNew || isUp);
    return [
      // Up once each time: from there on its checks know better.
      ...(isNew ? [`set server ${backend}/${leaders} health up`] : []),
      ...known
        .filter(isDown)
        .flatMap(({ name }) => [
          `set server ${backend}/${name} health down`,
          `shutdown sessions server ${backend}/${name}`,
        ]),
    ];
  }

  return {
    name: `haproxy ${socket} ${backend}`,
    holds: undefined,
    async lead({ epoch, leader }, is) {
      const leaders = servers[leader.name] ?? leader.name;
      const known = parseServers(await ask(where, `show servers state ${backend}`));
      if (!known.some(({ name }) => name === leaders))
        throw new Error(`backend ${backend} has no server ${leaders}`);
      const isNew = is === 'leads' && led !== epoch;
      for (const command of commandsFor(leaders, known, is, isNew)) {
        const answer = (await ask(where, command)).trim();
        if (answer !== '') throw new Error(`${command}: ${answer}`);
      }
      led = is === 'leads' ? epoch : undefined;
    },
    stop: () => Promise.resolve(),
  };
}

interface ServerState {
  readonly name: string;
  readonly isUp: boolean;
}

/** `srv_op_state`: 0 stopped, 1 starting, 2 running, 3 stopping. */
function parseServers(answer: string): readonly ServerState[] {
  const [, header = '', ...lines] = answer.split('\n');
  const columns = header.replace(/^# */, '').split(' ');
  const [name, state] = [columns.indexOf('srv_name'), columns.indexOf('srv_op_state')];
  if (name < 0 || state < 0) throw new Error(answer.trim() || 'no answer');
  return lines
    .map((line) => line.split(' '))
    .filter((cells) => cells.length >= columns.length)
    .map((cells) => ({ name: cells[name] ?? '', isUp: cells[state] !== '0' }));
}

/** One connection, one command: it closes once it has answered. */
async function ask(where: NetConnectOpts, command: string): Promise<string> {
  const socket = connect(where);
  const deadline = setTimeout(
    () => socket.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)),
    ANSWER_WITHIN_MS,
  );
  try {
    await once(socket, 'connect');
    socket.end(`${command}\n`);
    let answer = '';
    for await (const chunk of socket.setEncoding('utf8') as AsyncIterable<string>) {
      answer += chunk;
      if (answer.length > MOST_ANSWER_BYTES) throw new Error('its answer has no end');
    }
    return answer;
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
}
