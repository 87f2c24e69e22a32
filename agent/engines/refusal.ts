/** What keeps an agent from starting beside a server, as a finding: it may have come about since the agent did. */
import { TanistError } from '#core/errors.js';
import type { Finding } from '#core/report.js';
import type { Sessions } from '#agent/engines/session.js';

/** `check` throws it. A server that is down is no error there, and here one. */
export async function refusalOf(
  sessions: Sessions,
  check: () => Promise<unknown>,
): Promise<Finding | undefined> {
  try {
    await check();
    if (sessions.isReady()) return undefined;
    throw new TanistError('DATABASE_UNREACHABLE', 'the server does not run', 'start it');
  } catch (error) {
    if (!(error instanceof TanistError)) throw error;
    return {
      ...{ severity: 'blocks', code: error.code.toLowerCase().replaceAll('_', '-') },
      text: error.detail,
      remedy: error.next ?? 'change the setting that is named, then restart the server',
    };
  }
}
