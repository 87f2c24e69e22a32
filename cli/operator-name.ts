/** Who asks, for the ledger and the logs: `maria@db1`. Nothing is proved by it. */
import { hostname, userInfo } from 'node:os';

/** What a controller takes. */
const LONGEST = 256;

export const operatorName = (): string => `${userName()}@${hostname()}`.slice(0, LONGEST);

/** In a container the user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
