/** `--engine`, as all programs here take it; test/launch.mjs reads it before them, to install what it needs. */
import { Option } from 'commander';
import { KIT_NAMES } from '#test/cluster/engines.js';

export const engineOption = (): Option =>
  new Option('--engine <engine>', 'of the databases').choices(KIT_NAMES).default('postgres');
