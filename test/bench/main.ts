/** `npm run bench`: what a user would feel, measured on a real cluster on this machine. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { PROFILES } from '#core/timings.js';
import { benchAdopt } from '#test/bench/adopt.js';
import { benchAgentRestart } from '#test/bench/agent-restart.js';
import { benchComeBack, type ComeBackOptions, WAYS } from '#test/bench/come-back.js';
import {
  benchFailover,
  DURABILITIES,
  type Durability,
  type FailoverOptions,
  PEERS,
} from '#test/bench/failover.js';
import { FAULTS } from '#test/bench/faults.js';
import { benchHandOver } from '#test/bench/hand-over.js';
import { explainFailover, explainOutage, explainPartition } from '#test/bench/help.js';
import { benchIdle } from '#test/bench/idle.js';
import { benchOutage, type OutageBenchOptions } from '#test/bench/outage.js';
import { tell } from '#test/bench/numbers.js';
import { benchPartition, PARTITION_LASTS_S, type PartitionBenchOptions } from '#test/bench/partition.js';
import { whyNotCompared } from '#test/bench/sentinel.js';
import { benchSentinelClients, STRIKES, type SentinelClientsOptions } from '#test/bench/sentinel-clients.js';
import { OUTAGE_FAULTS } from '#test/bench/outage-faults.js';
import { benchThrough, type Way, WAYS_THROUGH, whyNotThrough } from '#test/bench/through.js';
import { engineOption } from '#test/cluster/engine-option.js';
import { type Ability, KITS, type KitName, whyLacking } from '#test/cluster/engines.js';
import { whyNoNetwork } from '#test/cluster/network.js';
import { runProgram } from '#test/cluster/run-program.js';

type RejoinOptions = Partial<ComeBackOptions> &
  Pick<ComeBackOptions, 'way' | 'rows' | 'megabytes'> & { readonly engine: KitName };

type PartitionOptions = PartitionBenchOptions & { readonly engine: KitName };

/** What is lost for longer tells nothing new. */
const LONGEST_S = 3600;

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
};

const seconds = (text: string): number => {
  const value = Number(text);
  if (!(value > 0) || value > LONGEST_S) throw new InvalidArgumentError(`seconds, up to ${LONGEST_S}`);
  return value;
};

const profile = (): Option =>
  new Option('--profile <profile>', 'set of timings').choices(PROFILES).default('balanced');
const durability = (): Option =>
  new Option('--durability <durability>', 'one-sync: one replica confirms every write')
    .choices(DURABILITIES)
    .default('async');

const comparison = (): Option =>
  new Option('--compare <peer>', 'beside it, on the same machine and by the same writers: of Redis').choices(
    PEERS,
  );

const LACKING = 2;

/** Where the engine lacks what was asked for nothing is measured, and the reason told. */
function where<Options extends { readonly engine: KitName }>(
  needs: (options: Options) => readonly Ability[],
  measure: (options: Options) => Promise<void>,
  whyElse: (options: Options) => string | undefined = () => undefined,
): (options: Options) => Promise<void> {
  return async (options) => {
    const why = whyLacking(KITS[options.engine], needs(options)) ?? whyElse(options);
    if (why === undefined) return measure(options);
    tell(`error: ${why}`);
    process.exitCode = LACKING;
  };
}

const confirmed = ({ durability }: { readonly durability: Durability }): readonly Ability[] =>
  durability === 'async' ? [] : ['confirms'];
const nothing = (): readonly Ability[] => [];

const program = new Command('npm run bench --').description(
  'Measures on real etcd and real databases, three members, what a user would feel.',
);

program
  .command('failover')
  .description(
    'takes the leader away under writers: the longest gap between acknowledged writes, those missing afterwards, those that two leaders took at once, and how long the old leader is away',
  )
  .addOption(engineOption())
  .addOption(new Option('--fault <fault>', 'see below').choices(Object.keys(FAULTS)).default('crash'))
  .addOption(profile())
  .addOption(durability())
  .option('--runs <n>', 'failovers', count, 10)
  .option('--writers <n>', 'one writes every 5 ms; more than one as fast as they can', count, 1)
  .option('--reader', 'readers on the replicas hold back replay', false)
  .addOption(comparison())
  .addOption(
    new Option('--through <front>', 'clients know one address only: see below').choices(WAYS_THROUGH),
  )
  .option('--json', 'the last line is a JSON document', false)
  .addHelpText('after', explainFailover())
  .action(
    where<FailoverOptions & { readonly through?: Way }>(
      (options) => [...confirmed(options), ...(options.reader ? (['blocksReplay'] as const) : [])],
      ({ through, ...options }) =>
        through === undefined ? benchFailover(options) : benchThrough({ through, ...options }),
      ({ compare, engine, fault, through }) => {
        if (through !== undefined) return whyNotThrough(through, engine, fault);
        if (compare === undefined) return undefined;
        return engine === 'redis' ? whyNotCompared(fault) : `${compare} watches over Redis: --engine redis`;
      },
    ),
  );

program
  .command('partition')
  .description(
    'cuts off the leader with the clients beside it, on hosts of their own (network namespaces): what was acknowledged on either side and is missing once healed',
  )
  .addOption(new Option('--engine <engine>', 'of the databases').choices(['redis']).makeOptionMandatory())
  .option('--for <seconds>', 'how long', seconds, PARTITION_LASTS_S)
  .addOption(profile())
  .addOption(comparison())
  .option('--runs <n>', 'partitions', count, 3)
  .option('--json', 'the last line is a JSON document', false)
  .addHelpText('after', explainPartition())
  .action(where<PartitionOptions>(nothing, benchPartition, whyNoNetwork));

program
  .command('sentinel-clients')
  .description(
    "takes the leader away under drivers that find it by Sentinel, through the controllers' endpoint: how long until each writes to the next one",
  )
  .addOption(new Option('--engine <engine>', 'of the databases').choices(['redis']).makeOptionMandatory())
  .addOption(new Option('--fault <fault>', 'how').choices(STRIKES).default('crash'))
  .option('--runs <n>', 'failovers', count, 20)
  .addOption(comparison())
  .option('--json', 'the last line is a JSON document', false)
  .action(where<SentinelClientsOptions>(nothing, benchSentinelClients));

program
  .command('outage')
  .description(
    "loses for a while who watches over a healthy leader: controllers, etcd, the leader's agent; counts failed writes, new epochs and new leaders",
  )
  .addOption(engineOption())
  .addOption(
    new Option('--fault <fault>', 'see below')
      .choices(Object.keys(OUTAGE_FAULTS))
      .default('controllers-lost'),
  )
  .option('--for <seconds>', 'how long it is lost; default: see below', seconds)
  .addOption(profile())
  .addOption(durability())
  .option('--runs <n>', 'outages', count, 3)
  .option('--writers <n>', 'each writes every 2 ms', count, 4)
  .option('--json', 'the last line is a JSON document', false)
  .addHelpText('after', explainOutage())
  .action(where<OutageBenchOptions>(confirmed, benchOutage));

program
  .command('rejoin')
  .description(
    'brings back a member whose data the leader does not continue: by a rewind, of a leader that died with rows of its own; or by a copy, which is compared with pg_basebackup by hand',
  )
  .addOption(engineOption())
  .addOption(new Option('--way <way>', 'how it comes back').choices(WAYS).default('rewind'))
  .option('--runs <n>', 'times; default: 10, and 1 with a copy', count)
  .option(
    '--writers <n>',
    'with a rewind: how many write meanwhile, as fast as they can; default: nobody',
    count,
  )
  .option('--rows <n>', 'with a rewind: how many only the old leader has', count, 3000)
  .option('--megabytes <n>', 'with a copy: how much data', count, 2048)
  .option('--json', 'the last line is a JSON document', false)
  .action(
    where<RejoinOptions>(
      () => ['timesRejoins'],
      ({ way, rows, megabytes, runs = way === 'copy' ? 1 : 10, writers = 0 }) =>
        benchComeBack({ way, rows, megabytes, runs, writers }),
    ),
  );

program
  .command('hand-over')
  .description('stops the active controller under load; counts failed writes')
  .addOption(engineOption())
  .option('--runs <n>', 'hand-overs', count, 10)
  .option('--json', 'the last line is a JSON document', false)
  .action(where(nothing, benchHandOver));

program
  .command('agent-restart')
  .description(
    "stops the leader's agent under load and starts it again; counts failed writes and new epochs, and the time without a lease",
  )
  .addOption(engineOption())
  .option('--runs <n>', 'restarts', count, 10)
  .option('--json', 'the last line is a JSON document', false)
  .action(where(nothing, benchAgentRestart));

program
  .command('adopt')
  .description(
    'takes a cluster at work into care and releases it; counts failed transactions and lists what was left behind',
  )
  .addOption(engineOption())
  .option('--runs <n>', 'times', count, 3)
  .option('--json', 'the last line is a JSON document', false)
  .action(
    where<{ readonly engine: KitName; readonly runs: number }>(() => ['releases', 'tracesFound'], benchAdopt),
  );

program
  .command('idle')
  .description('memory and processor time of agents and controllers while nothing happens')
  .addOption(engineOption())
  .option('--seconds <n>', 'how long to look', count, 30)
  .option('--json', 'the last line is a JSON document', false)
  .action(where(nothing, benchIdle));

await runProgram(program);
