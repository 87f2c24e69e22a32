import { inflateSync } from 'node:zlib';

/** Reads a buffer from its beginning on. Throws a RangeError past its end. */
export class Bytes {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get isOver(): boolean {
    return this.#at >= this.#data.length;
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#data.length)
      throw new RangeError(`${length} bytes at ${this.#at} of ${this.#data.length}`);
    const taken = this.#data.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  skip(length: number): void {
    this.take(length);
  }

  rest(): Buffer {
    return this.take(this.#data.length - this.#at);
  }

  /** Least byte first. */
  unsigned(length: number): bigint {
    return this.take(length).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** Of at most six bytes. */
  unsignedNumber(length: number): number {
    return this.take(length).readUIntLE(0, length);
  }

  /** Greatest byte first. */
  unsignedBig(length: number): bigint {
    return this.take(length).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** One byte, or behind a byte that says so two, three or eight. */
  packed(): number {
    const first = Number(this.unsigned(1));
    const lengths: Readonly<Record<number, number>> = { 252: 2, 253: 3, 254: 8 };
    const length = lengths[first];
    return length === undefined ? first : Number(this.unsigned(length));
  }

  /** So many bits, in whole bytes, the least first. */
  bits(count: number): readonly boolean[] {
    const bytes = this.take(Math.ceil(count / 8));
    return Array.from({ length: count }, (_, n) => ((bytes[n >> 3] ?? 0) & (1 << (n & 7))) !== 0);
  }
}

/** As events are compressed: in the lowest three bits of the first byte, how many more bytes tell the length of the whole. */
export const inflated = (data: Buffer): Buffer => inflateSync(data.subarray(1 + (data.readUInt8(0) & 0x7)));
