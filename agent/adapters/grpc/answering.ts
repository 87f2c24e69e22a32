/** How an agent says that it cannot answer a call. */
import { status } from '@grpc/grpc-js';
import { MalformedMessage } from '#proto/codec/fields.js';

export function failure(error: unknown): Error & { readonly code: status; readonly details: string } {
  const code = error instanceof MalformedMessage ? status.INVALID_ARGUMENT : status.UNAVAILABLE;
  const details = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(details), { code, details });
}
