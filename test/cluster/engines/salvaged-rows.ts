/** Where a load appends rows of columns that are called alike, as with engines that speak SQL. */
import type { SalvagedRow } from '#core/salvage.js';
import type { Appending } from '#test/load/clients.js';

export function appendedRow({ kind, values }: SalvagedRow): Omit<Appending, 'key'> | undefined {
  const [run, value] = [values?.['run'], values?.['value']];
  if (kind !== 'inserted' || typeof run !== 'string' || typeof value !== 'string') return undefined;
  return { run: Number(run), value: Number(value) };
}
