/** Files of a log as they lie on disk, of a server that is dead or closed; what events are in them differs. */
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

export const MAGIC = Buffer.from('fe62696e', 'hex');
/** Of an event: kind, server, length and flags are at one place in both. */
export const HEAD_BYTES = 19;
export const FLAGS_AT = 17;
/** In the head's flags of a file's first event, for as long as a server writes to it. */
export const IN_USE = 0x1;
const WINDOW_BYTES = 1 << 20;

/** By name, oldest first. Throws where one that the index names is not there. */
export async function filesOf(index: string): Promise<readonly string[]> {
  const text = await readFile(index, 'utf8');
  const files = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => resolve(dirname(index), line));
  for (const file of files) await stat(file);
  return files;
}

/** Whether the server that wrote to it last ended in order. Undefined: it is no log, or an encrypted one. */
export async function wasClosedInOrder(path: string): Promise<boolean | undefined> {
  const file = await open(path, 'r');
  try {
    const begin = Buffer.alloc(MAGIC.length + HEAD_BYTES);
    const { bytesRead } = await file.read(begin, 0, begin.length, 0);
    if (bytesRead < begin.length || !begin.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
    return (begin.readUInt16LE(MAGIC.length + FLAGS_AT) & IN_USE) === 0;
  } finally {
    await file.close();
  }
}

/** Reads ahead: events are small, and there are a great many. What it gives is good until it is asked again. */
export function windowOn(
  file: FileHandle,
  size: number,
): (offset: number, length: number) => Promise<Buffer | undefined> {
  let [bytes, start]: [Buffer, number] = [Buffer.alloc(0), 0];
  return async (offset, length) => {
    if (offset + length > size) return undefined;
    if (offset < start || offset + length > start + bytes.length) {
      const buffer = Buffer.alloc(Math.max(length, Math.min(WINDOW_BYTES, size - offset)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      [bytes, start] = [buffer.subarray(0, bytesRead), offset];
      if (bytesRead < length) return undefined;
    }
    return bytes.subarray(offset - start, offset - start + length);
  };
}
