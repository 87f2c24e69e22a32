/** What it costs to be watched over: resident memory and processor time of each program of ours. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { finish, tell } from '#test/bench/numbers.js';
import { type EngineKit, KITS, type KitName } from '#test/cluster/engines.js';
import { type Program, startTanistOn } from '#test/cluster/tanist.js';

const TICKS_PER_SECOND = 100;

export async function benchIdle(options: {
  readonly engine: KitName;
  readonly seconds: number;
}): Promise<void> {
  const engine: EngineKit = KITS[options.engine];
  const cluster = await startTanistOn(engine, { label: 'bench', progress: tell });
  const programs = [...cluster.controllers, ...cluster.members.map((m) => m.agent)];
  // The start itself is no idleness.
  await sleep(5000);
  const before = programs.map(processorSeconds);
  await sleep(options.seconds * 1000);
  const rows = programs.map((program, i) => ({
    program: program.name,
    residentMb: Math.round(residentKb(program) / 1024),
    corePercent: Number(
      (((processorSeconds(program) - (before[i] ?? 0)) / options.seconds) * 100).toFixed(2),
    ),
  }));
  for (const row of rows) tell(`${row.program}: ${row.residentMb} MB, ${row.corePercent} % of a core`);
  const worstOf = (kind: string) => {
    const those = rows.filter((row) => row.program.startsWith(kind));
    return {
      residentMb: Math.max(...those.map((row) => row.residentMb)),
      corePercent: Math.max(...those.map((row) => row.corePercent)),
    };
  };
  finish({
    engine: options.engine,
    seconds: options.seconds,
    agent: worstOf('agent'),
    controller: worstOf('controller'),
  });
}

function processorSeconds(program: Program): number {
  const stat = readFileSync(`/proc/${pidOf(program)}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentKb(program: Program): number {
  const status = readFileSync(`/proc/${pidOf(program)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
}

function pidOf(program: Program): number {
  const pid = program.process()?.pid;
  if (pid === undefined) throw new Error(`${program.name} does not run`);
  return pid;
}
