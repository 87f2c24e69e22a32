// The contract of the engine port on real Tarantool servers, through the executables that examples/exec holds.
import { join } from 'node:path';
import { createExecBed, OF_SCRIPTS } from '#agent/check/bed.js';
import { engineContract } from '#test/contract/engine/suite.js';

const FOLDER = join(import.meta.dirname, '../../examples/exec/tarantool');
const executables = { engine: join(FOLDER, 'engine.lua'), bed: join(FOLDER, 'bed.lua') };

engineContract('a script', () => Promise.resolve(createExecBed(executables)), OF_SCRIPTS);
