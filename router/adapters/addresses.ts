/** What proxies are given are addresses; members may be named. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export async function addressOf(host: string): Promise<string> {
  return isIP(host) === 0 ? (await lookup(host)).address : host;
}
