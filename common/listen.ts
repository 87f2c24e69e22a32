/** Where a server listens, and why it cannot. */
import { TanistError } from '#core/errors.js';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export function listenError({ host, port }: ListenAddress, error: unknown): TanistError {
  if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    return new TanistError(
      'ADDRESS_IN_USE',
      `${host}:${port}: another process listens there`,
      'stop it, or listen on another port',
    );
  }
  const because = error instanceof Error ? error.message : String(error);
  return new TanistError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${because}`);
}
