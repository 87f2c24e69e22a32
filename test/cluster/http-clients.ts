/** Those who ask by HTTP: clients that do as they should, and strangers that do as they like. */
import { once } from 'node:events';
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';

export const HOST = '127.0.0.1';

export interface HttpAnswer {
  readonly code: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly body?: string;
  /** Keeps connections; without one each request has its own. */
  readonly agent?: Agent;
}

export async function ask(port: number, path: string, asking: Asking = {}): Promise<HttpAnswer> {
  const { method = 'GET', body: sent, agent = false } = asking;
  const asked = request({ host: HOST, port, path, method, agent, timeout: 2_000 });
  asked.on('timeout', () => asked.destroy(new Error('no answer')));
  asked.end(sent);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += String(piece);
  return { code: response.statusCode, headers: response.headers, body };
}

export interface Strangers {
  /** One more, that is connected and has said this much. */
  enter(port: number, says?: string): Promise<Socket>;
  leave(): void;
}

export function createStrangers(): Strangers {
  const open: Socket[] = [];
  return {
    async enter(port, says = '') {
      const socket = connect({ host: HOST, port });
      socket.on('error', () => undefined);
      open.push(socket);
      socket.resume();
      await once(socket, 'connect');
      if (says !== '') socket.write(says);
      return socket;
    },
    leave() {
      for (const socket of open) socket.destroy();
    },
  };
}

export const isEnded = (socket: Socket): boolean => socket.destroyed || socket.readableEnded;

/** All that a socket says from now on. */
export function hearing(socket: Socket): () => string {
  let heard = '';
  socket.on('data', (piece: Buffer) => {
    heard += piece.toString();
  });
  return () => heard;
}

export interface ServerEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

export interface EventStream {
  readonly code: number | undefined;
  readonly headers: IncomingHttpHeaders;
  /** In the order in which they came. */
  readonly events: readonly ServerEvent[];
  /** Told with each event, within the step that brings it. */
  onEvent: (event: ServerEvent) => void;
  comments(): number;
  /** Whether its end was said, as a server does that stops. */
  isOver(): boolean;
  pause(): void;
  resume(): void;
  close(): void;
}

/** Reads server-sent events as the standard has it. */
export async function listen(port: number, path: string): Promise<EventStream> {
  const asked = request({ host: HOST, port, path, agent: false });
  asked.on('error', () => undefined);
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  const events: ServerEvent[] = [];
  let comments = 0;
  let rest = '';
  const stream: EventStream = {
    ...{ code: response.statusCode, headers: response.headers, events },
    onEvent: () => undefined,
    comments: () => comments,
    isOver: () => response.readableEnded && response.complete,
    pause: () => response.pause(),
    resume: () => response.resume(),
    close: () => asked.destroy(),
  };
  response.setEncoding('utf8').on('data', (piece: string) => {
    const blocks = `${rest}${piece}`.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => /^([a-z]*): ?(.*)$/.exec(line) ?? ['', '?', line]);
      const known = Object.fromEntries(fields.map(([, name, value]) => [name, value])) as Record<
        string,
        string
      >;
      if ('data' in known) {
        const event = { event: known['event'] ?? '', id: known['id'] ?? '', data: known['data'] ?? '' };
        events.push(event);
        stream.onEvent(event);
      } else if ('' in known) comments += 1;
    }
  });
  return stream;
}
