/**
 * The stream on which leases of one endpoint are kept alive. A stream per keepalive would cost more than all else a controller does
 * at rest; so it stays open, and whatever goes wrong with it fails those who wait, once, and the next one opens another.
 */
import { type Etcd3, EtcdLeaseInvalidError, type ILeaseKeepAliveResponse } from 'etcd3';

type Stream = Awaited<ReturnType<Etcd3['leaseClient']['leaseKeepAlive']>>;

interface Waiting {
  readonly lease: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Keepalives {
  readonly #etcd: Etcd3;
  #stream: Promise<Stream> | undefined;
  #waiting: Waiting[] = [];

  constructor(etcd: Etcd3) {
    this.#etcd = etcd;
  }

  /** Rejects with EtcdLeaseInvalidError when etcd does not know the lease. Has no deadline of its own: see `forget`. */
  async renew(lease: string): Promise<void> {
    this.#stream ??= this.#open();
    const stream = await this.#stream;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ lease, resolve, reject });
      stream.write({ ID: lease });
    });
  }

  /** After a keepalive that was not answered in time: its answer must not be taken for that of a later one. */
  forget(): void {
    this.#fail(undefined, new Error('the keepalive was given up'));
  }

  async #open(): Promise<Stream> {
    try {
      const stream = await this.#etcd.leaseClient.leaseKeepAlive();
      stream.on('data', (answer) => this.#answered(answer));
      stream.on('error', (error: Error) => this.#fail(stream, error));
      stream.on('end', () => this.#fail(stream, new Error('the keepalive stream ended')));
      return stream;
    } catch (error) {
      this.#stream = undefined;
      throw error;
    }
  }

  /** etcd answers in the order of the requests. */
  #answered({ ID, TTL }: ILeaseKeepAliveResponse): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    if (next.lease !== ID) this.#fail(undefined, new Error(`etcd answered for lease ${ID}`));
    else if (Number(TTL) <= 0) next.reject(new EtcdLeaseInvalidError(ID));
    else next.resolve();
  }

  /** Also of a stream that was let go already: it has nobody waiting. */
  #fail(broken: Stream | undefined, error: Error): void {
    const stream = this.#stream;
    this.#stream = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
    void stream?.then(
      (open) => {
        if (open !== broken) open.end();
        open.cancel();
      },
      () => undefined,
    );
  }
}
