/** All that befalls a cluster here, by name. */
import { DURABILITY_MODES } from '#core/policy.js';
import { CLOCKS } from '#test/chaos/faults/clocks.js';
import { CONTROL_PLANE } from '#test/chaos/faults/control-plane.js';
import { DISKS } from '#test/chaos/faults/disks.js';
import type { DurabilityMode, Fault } from '#test/chaos/faults/fault.js';
import { NETWORK } from '#test/chaos/faults/network.js';
import { OVER_TIME } from '#test/chaos/faults/over-time.js';
import { PROCESSES } from '#test/chaos/faults/processes.js';
import { REJOINS } from '#test/chaos/faults/rejoins.js';
import { TOGETHER } from '#test/chaos/faults/together.js';

const ALL = {
  ...PROCESSES,
  ...NETWORK,
  ...CONTROL_PLANE,
  ...TOGETHER,
  ...DISKS,
  ...CLOCKS,
  ...OVER_TIME,
  ...REJOINS,
} as const;

export type FaultName = keyof typeof ALL;

export const FAULTS: Readonly<Record<FaultName, Fault>> = ALL;
export const FAULT_NAMES = Object.keys(ALL) as readonly FaultName[];

/** Of the matrix. */
export const EVERY_CELL: readonly { readonly fault: FaultName; readonly durability: DurabilityMode }[] =
  DURABILITY_MODES.flatMap((durability) => FAULT_NAMES.map((fault) => ({ fault, durability })));
