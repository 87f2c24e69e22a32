// The contract of the engine port on the simulator's models, in virtual time.
import { ALL_OF_POSTGRES } from '#test/contract/engine/harness.js';
import { engineContract } from '#test/contract/engine/suite.js';
import { MARIADB } from '#test/contract/mariadb-bed.js';
import { createModelBed } from '#test/contract/model-bed.js';
import { kindOf } from '#test/simulation/models/kinds/index.js';

/** Answers cross a network of the model's own, and those that are on their way when a session ends are lost. */
const ENGINES = [
  ['postgres', { ...ALL_OF_POSTGRES, leavesNoDoubt: false }],
  ['mariadb', { ...MARIADB, leavesNoDoubt: false }],
] as const;

/** Every seed draws other delays. */
for (const [name, properties] of ENGINES)
  for (const seed of [1, 2, 3, 4, 5])
    engineContract(
      `the model of ${name}, seed ${seed}`,
      async () => createModelBed(seed, kindOf(name), properties),
      properties,
    );
