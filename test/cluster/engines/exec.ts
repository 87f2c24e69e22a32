/** A store behind a script: Tarantool, by the executables of examples/exec. */
import type { EngineKit } from '#test/cluster/engines/kit.js';
import { MEMBER_NAMES } from '#test/cluster/members.js';
import { startTarantools, type TarantoolServer } from '#test/cluster/tarantool.js';

export const EXEC: EngineKit<TarantoolServer> = {
  name: 'exec',
  called: 'Tarantool behind a script',
  lacks: {
    confirms: 'a script cannot make writes wait for replicas yet',
    rejoinsDiverged: 'a script cannot take back what is in its log yet',
    salvages: 'a script saves nothing yet',
    releases: 'what a release leaves there is not looked for yet',
    blocksReplay: 'log is applied as it comes, whoever reads',
    timesRejoins: 'a rejoin by hand is not part of the harness yet',
  },
  startServers: ({ folder, size, places, disks }) =>
    startTarantools({ dir: folder, names: MEMBER_NAMES.slice(0, size), places, disks }),
  section: ({ command, dir, port, settings }) => ({ exec: { command, dataDir: dir, port, settings } }),
  /** `<epoch> <mark> <place>`: the executable names a line by the first two. */
  isPast(logEnd, position) {
    const [, line, at] = /^(\d+ .*) (\d+)$/.exec(logEnd) ?? [];
    if (position.engine !== 'exec' || line !== position.line || at === undefined) return undefined;
    return BigInt(at) > position.at;
  },
  appended: () => undefined,
  /** `2026-11-30 08:06:57.123 [4711] main C> Ready`. The harness has its servers go by UTC. */
  readLogLine(line) {
    const [, day, time, what] = /^(\d{4}-\d\d-\d\d) ([\d:.]+) \[\d+\] (.*)$/.exec(line) ?? [];
    if (what === undefined) return undefined;
    return { at: Date.parse(`${String(day)}T${String(time)}Z`), what };
  },
};
