/** What the guard needs of an engine: to see that the database is closed, and to close it; both without its cooperation. */
import type { DurationMs } from '#core/brand.js';
import type { ActionResult } from '#agent/ports/engine.js';

export interface Fencer {
  /** No process of the database is left. */
  isGone(): boolean;
  /** Gone, or one that accepts no writes and will not by itself. Cheap: asked many times a second. */
  isClosed(): boolean;
  /** As the engine's step of this name (rule F2). */
  fence(withinMs: DurationMs): Promise<ActionResult & { readonly kind: 'fenced' }>;
}
