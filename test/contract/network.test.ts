/** What is done to a link is what those at its ends notice, no more, and nothing of it once it is mended. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createNetwork, type Network, type NetworkHost, whyNoNetwork } from '#test/cluster/network.js';
import { createRunFolder, startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { describeUnless } from '#test/contract/unless.js';

const PORT = 4000;
/** What comes by TCP is sent back; for every datagram there is one character more in the log. */
const ECHO = `
  require('node:net').createServer((socket) => socket.pipe(socket).on('error', () => {})).listen(${PORT});
  require('node:dgram').createSocket('udp4').on('message', () => process.stdout.write('.')).bind(${PORT});
`;
const MEBIBYTE = 2 ** 20;

describeUnless(whyNoNetwork(), 'network', () => {
  let folder: string;
  let network: Network;
  let ann: NetworkHost;
  let bob: NetworkHost;
  let cid: NetworkHost;
  /** From this process, which is on the same bridge. */
  let toAnn: Socket;

  const logOf = ({ name }: NetworkHost): string => join(folder, `${name}.log`);
  const echo = async (bytes: number): Promise<number> => {
    const began = performance.now();
    toAnn.write(Buffer.alloc(bytes));
    for (let left = bytes; left > 0;) left -= ((await once(toAnn, 'data')) as [Buffer])[0].length;
    return performance.now() - began;
  };
  /** How many of so many datagrams arrive. */
  const arrived = async (from: NetworkHost, to: NetworkHost, sent: number): Promise<number> => {
    const before = statSync(logOf(to)).size;
    const send = `const socket = require('node:dgram').createSocket('udp4'); let left = ${sent};
      const next = () => left-- > 0 ? socket.send('-', ${PORT}, '${to.address}', () => left % 50 === 0 ? setTimeout(next, 10) : setImmediate(next)) : socket.close();
      next();`;
    await promisify(execFile)('ip', ['netns', 'exec', from.namespace, process.execPath, '-e', send]);
    await sleep(100);
    return statSync(logOf(to)).size - before;
  };
  const connects = async (from: NetworkHost, to: NetworkHost): Promise<boolean> => {
    const attempt = `const socket = require('node:net').connect(${PORT}, '${to.address}', () => process.exit(0));
      socket.on('error', () => process.exit(1)); setTimeout(() => process.exit(1), 500)`;
    const args = ['netns', 'exec', from.namespace, process.execPath, '-e', attempt];
    return promisify(execFile)('ip', args).then(
      () => true,
      () => false,
    );
  };

  beforeAll(async () => {
    folder = createRunFolder('network');
    network = createNetwork(['ann', 'bob', 'cid']);
    [ann, bob, cid] = network.hosts as [NetworkHost, NetworkHost, NetworkHost];
    for (const place of network.hosts) {
      const logFile = logOf(place);
      startProcess({
        ...{ name: place.name, command: process.execPath, args: ['-e', ECHO], cwd: folder, logFile, place },
      });
    }
    toAnn = await waitFor(
      async () => {
        const socket = connect({ host: ann.address, port: PORT, noDelay: true });
        await once(socket, 'connect');
        return socket;
      },
      { timeoutMs: 5_000, what: 'ann to answer', everyMs: 50 },
    );
    for (const host of [bob, cid])
      await waitFor(() => connects(ann, host), { timeoutMs: 5_000, what: `${host.name} to answer` });
  }, 20_000);

  afterEach(() => network.mendAll());
  afterAll(async () => {
    toAnn.destroy();
    await stopAll();
  }, 20_000);

  it('cut one way: what leaves the one does not arrive at the other, but the other way it does', async () => {
    network.cut([ann], [bob]);
    expect(await arrived(ann, bob, 20)).toBe(0);
    expect(await arrived(bob, ann, 20)).toBe(20);
    expect(await arrived(ann, cid, 20)).toBe(20);
    network.mendAll();
    expect(await arrived(ann, bob, 20)).toBe(20);
  });

  it('cut both ways: nobody connects, also not from the side that is on no host', async () => {
    network.cutBothWays([ann], [bob, { address: network.address, namespace: undefined }]);
    const reached = await Promise.all([connects(ann, bob), connects(bob, ann), connects(cid, ann)]);
    expect(reached).toEqual([false, false, true]);
    const answer = echo(1);
    expect(await Promise.race([answer, sleep(300, 'silence')])).toBe('silence');
    network.mendAll();
    await answer;
    expect(await connects(ann, bob)).toBe(true);
  });

  it('partitioned: each group is alone with itself', async () => {
    network.partition([[ann, bob], [cid]]);
    const reached = await Promise.all([
      ...[connects(ann, bob), connects(bob, ann)],
      ...[connects(ann, cid), connects(cid, ann), connects(bob, cid), connects(cid, bob)],
    ]);
    expect(reached).toEqual([true, true, false, false, false, false]);
  });

  it('lossy: that share of what reaches the host is lost', async () => {
    network.lose(bob, 0.3);
    const got = await arrived(ann, bob, 1000);
    expect(got).toBeGreaterThan(600);
    expect(got).toBeLessThan(800);
  });

  it('limited: a transfer takes as long as it must, there and back', async () => {
    network.limit(ann, MEBIBYTE);
    const took = await echo(MEBIBYTE);
    expect(took).toBeGreaterThan(800);
    expect(took).toBeLessThan(2_000);
    network.mendAll();
    expect(await echo(MEBIBYTE)).toBeLessThan(500);
  });

  it('late: a round trip takes as long as it must, also on connections that there were, and nothing is lost', async () => {
    await network.delay(ann, 40);
    for (let trip = 0; trip < 3; trip++) {
      const took = await echo(1);
      expect(took).toBeGreaterThan(79);
      expect(took).toBeLessThan(250);
    }
    expect(await echo(MEBIBYTE)).toBeLessThan(3_000);
    expect(await arrived(bob, ann, 1000)).toBe(1000);
    network.mendAll();
    await echo(1);
    expect(await echo(1)).toBeLessThan(50);
  });
});
