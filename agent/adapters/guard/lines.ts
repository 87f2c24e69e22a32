/** Cuts what a socket brings into lines. A line without an end is no message, however long one waits. */
import type { Socket } from 'node:net';

const LONGEST_LINE = 10_000;

export function onLines(socket: Socket, take: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (!socket.destroyed) take(line);
    if (rest.length > LONGEST_LINE) socket.destroy(new Error('a line without an end'));
  });
}
