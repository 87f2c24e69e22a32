// The contract of the engine port on the simulator's models, in virtual time.
import { engineContract } from '#test/contract/engine/suite.js';
import { createModelBed } from '#test/contract/model-bed.js';

/** Every seed draws other delays. */
for (const seed of [1, 2, 3, 4, 5])
  engineContract(`the model, seed ${seed}`, async () => createModelBed(seed));
