/** How a question by HTTP is answered. */
import type { ServerResponse } from 'node:http';

/** Methods that are answered: by the last two only with the code and headers. */
export const ASKS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** The body goes only to those who ask by GET. */
export function answerWith(
  response: ServerResponse,
  code: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = response.req.method === 'OPTIONS' ? '' : `${JSON.stringify(body)}\n`;
  response.writeHead(code, {
    ...(response.req.method === 'OPTIONS' && { allow: ASKS.join(', ') }),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
}
