// What agents and controllers say to each other survives the wire unchanged, through the real protobuf; and whatever else
// arrives there is a MalformedMessage that names the field, never another error: nothing else may end a session.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asDuration, asEpoch, asRevision, asVersion } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import { ENGINES, type Position } from '#core/position.js';
import type { LineagePosition } from '#core/positions/lineage.js';
import type { MariadbPosition } from '#core/positions/mariadb.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import {
  ANSWERING,
  DATABASE_ROLES,
  DATABASE_STATES,
  OWN_TAILS,
  type Report,
  SERVING_ROLES,
  SEVERITIES,
} from '#core/report.js';
import { NO_LEADER, type Topology } from '#core/topology.js';
import { readTopology, writeTopology } from '#proto/codec/topology.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import {
  type AgentMessage,
  type ControllerMessage,
  MalformedMessage,
  readAgentMessage,
  readControllerMessage,
  writeAgentMessage,
  writeControllerMessage,
} from '#proto/codec/messages.js';
import {
  readTailMessage,
  readTailQuestion,
  type TailMessage,
  type TailQuestion,
  writeTailMessage,
  writeTailQuestion,
} from '#proto/codec/tail.js';
import {
  readVouchAnswer,
  readVouchQuestion,
  writeVouchAnswer,
  writeVouchQuestion,
} from '#proto/codec/vouch.js';
import { wire } from '#proto/load.js';
import { gtids, gtidSets, identifiers, plan } from '#test/unit/arbitraries.js';

const session = wire.AgentSession.service.Connect;
const readTail = wire.AgentToAgent.service.ReadTail;
const vouch = wire.AgentToAgent.service.Vouch;

const text = fc.string({ unit: 'binary', maxLength: 40 });
const someText = text.filter((value) => value !== '');
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const counter = fc.bigInt(0n, BigInt(Number.MAX_SAFE_INTEGER));
const epoch = counter.map(asEpoch);
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc
  .tuple(fc.constantFrom('10.0.0.1', 'db-1.example', '[fe80::1]'), port)
  .map(([host, number]) => `${host}:${number}`);
const mark = fc.record({ epoch, mark: someText });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const postgresPosition: fc.Arbitrary<PostgresPosition> = fc.record({
  engine: fc.constant('postgres'),
  dataId: uint64.map(String),
  timeline: uint32,
  lsn: uint64,
  forks: fc.array(fc.record({ timeline: uint32, end: uint64 }), { maxLength: 4 }),
  marks: fc.array(mark, { maxLength: 4 }),
});
const mariadbPosition: fc.Arbitrary<MariadbPosition> = fc.record({
  engine: fc.constant('mariadb'),
  dataId: someText,
  gtids,
  lines: fc.array(fc.record({ epoch, server: uint32, from: gtids }), { maxLength: 4 }),
  marks: fc.array(mark, { maxLength: 4 }),
});
const place = fc.bigInt(-1n, 2n ** 63n - 1n);
const lineagePosition: fc.Arbitrary<LineagePosition> = fc.record({
  engine: fc.constantFrom('redis', 'exec'),
  dataId: text,
  line: text,
  at: place,
  forks: fc.array(fc.record({ line: someText, end: place }), { maxLength: 4 }),
  marks: fc.array(mark, { maxLength: 4 }),
});
const mysqlPosition: fc.Arbitrary<MysqlPosition> = fc.record({
  engine: fc.constant('mysql'),
  dataId: someText,
  gtids: gtidSets,
  lines: fc.array(fc.record({ epoch, server: someText, from: gtidSets }), { maxLength: 4 }),
  marks: fc.array(mark, { maxLength: 4 }),
});
const position: fc.Arbitrary<Position> = fc.oneof(
  postgresPosition,
  mariadbPosition,
  mysqlPosition,
  lineagePosition,
);

const report: fc.Arbitrary<Report> = fc.record({
  incarnation: someText,
  nonce: uint64,
  wantsLease: fc.boolean(),
  highestEpoch: epoch,
  planEpoch: epoch,
  planVersion: counter.map(asVersion),
  fencedEpoch: epoch,
  openedEpoch: epoch,
  sealed: maybe(fc.record({ epoch, position: maybe(position) })),
  tail: maybe(
    fc.record({
      epoch,
      result: fc.oneof(
        fc.record({ kind: fc.constant('taken'), atLeast: position, bytes: fc.maxSafeNat() }),
        fc.record({ kind: fc.constant('failed'), text }),
      ),
    }),
  ),
  opened: maybe(
    fc.record({ epoch, mark: someText, position, lineage: text, identifiers: maybe(identifiers) }),
  ),
  database: fc.record({
    state: fc.constantFrom(...DATABASE_STATES),
    role: fc.constantFrom(...DATABASE_ROLES),
    dataId: text,
    position: maybe(position),
    backlog: fc.maxSafeNat(),
    canaryAgeMs: maybe(uint32),
    upstream: maybe(someText),
    streaming: fc.boolean(),
    followers: fc.array(text, { maxLength: 3 }),
    lowered: fc.record({
      sessions: uint32,
      named: fc.array(fc.record({ who: text, where: text, by: text, sessions: uint32 }), { maxLength: 3 }),
    }),
    ownTail: fc.constantFrom(...OWN_TAILS),
    salvaged: maybe(
      fc.record({
        ...{ epoch, name: someText, transactions: fc.maxSafeNat() },
        ...{ rows: fc.maxSafeNat(), bytes: fc.maxSafeNat() },
      }),
    ),
    copying: fc.option(fc.record({ from: name, doneBytes: fc.maxSafeNat(), totalBytes: fc.maxSafeNat() }), {
      nil: undefined,
    }),
  }),
  durability: maybe(
    fc.record({
      epoch,
      synchronous: fc.array(fc.constantFrom('a', 'b', 'c')),
      acknowledgements: fc.nat(),
      holds: position,
    }),
  ),
  serving: fc.record({ role: fc.constantFrom(...SERVING_ROLES), goodForMs: uint32 }),
  guarded: fc.boolean(),
  guardedForMs: fc.oneof(fc.nat(), fc.constant(Number.POSITIVE_INFINITY)),
  probe: maybe(
    fc.record({
      member: someText,
      database: fc.constantFrom(...ANSWERING),
      agent: fc.constantFrom(...ANSWERING),
      ageMs: uint32,
    }),
  ),
  prepared: maybe(uint64),
  heldBack: maybe(uint64),
  inspection: maybe(
    fc.record({
      request: uint64,
      findings: fc.array(
        fc.record({ severity: fc.constantFrom(...SEVERITIES), code: someText, text, remedy: text }),
        { maxLength: 3 },
      ),
    }),
  ),
  // A plan is large: now and then is enough.
  told: fc.option(fc.record({ request: uint64, plan: maybe(plan) }), { nil: undefined, freq: 1 }),
  releasedEpoch: epoch,
  vouched: maybe(fc.record({ epoch, ageMs: uint32, leftMs: uint32 })),
  problem: maybe(fc.record({ code: someText, text })),
});

const host = fc.stringMatching(/^[A-Za-z0-9_.:%-]{1,60}$/);
const databaseAddress = fc.record({ name, host, port });
const topology: fc.Arbitrary<Topology> = fc.record({
  ...{ cluster: name, engine: maybe(fc.constantFrom(...ENGINES)), epoch },
  leader: maybe(databaseAddress),
  because: maybe(fc.constantFrom(...NO_LEADER)),
  replicas: fc.array(databaseAddress, { maxLength: 3 }),
  pause: maybe(fc.bigInt(1n, 2n ** 64n - 1n)),
});

const hello: fc.Arbitrary<AgentMessage> = fc.record({
  kind: fc.constant('hello'),
  protocol: uint32,
  hello: fc.record({
    cluster: name,
    member: name,
    incarnation: someText,
    identity: someText,
    agentAddress: address,
    databaseHost: host,
    databasePort: port,
    host: maybe(someText),
    engine: maybe(fc.constantFrom(...ENGINES)),
  }),
});
const agentMessage: fc.Arbitrary<AgentMessage> = fc.oneof(
  hello,
  report.map((value) => ({ kind: 'report' as const, report: value })),
);

const member = fc.record({
  name,
  identity: someText,
  agentAddress: address,
  databaseHost: someText,
  databasePort: port,
});
const term = fc.record({ generation: uint64, revision: uint64.map(asRevision) });
const milliseconds = uint32.map(asDuration);
const directive: fc.Arbitrary<Directive> = fc.oneof(
  fc.record({ kind: fc.constant('plan'), term, plan }),
  fc.record({
    kind: fc.constant('grant'),
    term,
    incarnation: someText,
    nonce: uint64,
    epoch,
    holdMs: milliseconds,
  }),
  fc.record({ kind: fc.constant('seal'), term, epoch }),
  fc.record({
    kind: fc.constant('takeTail'),
    term,
    epoch,
    from: name,
    agentAddress: address,
    timeoutMs: milliseconds,
  }),
  fc.record({ kind: fc.constant('prepare'), term, epoch, request: uint64 }),
  fc.record({ kind: fc.constant('endHold'), term, epoch, request: uint64 }),
  fc.record({ kind: fc.constant('stepDown'), term, epoch }),
  fc.record({ kind: fc.constant('tellPlan'), term, request: uint64 }),
  fc.record({ kind: fc.constant('probe'), term, member }),
  fc.record({
    kind: fc.constant('inspect'),
    term,
    request: uint64,
    peers: fc.array(member, { maxLength: 3 }),
  }),
);
const controllerMessage: fc.Arbitrary<ControllerMessage> = fc.oneof(
  fc.record({ kind: fc.constant('welcome'), controller: someText, protocol: uint32 }),
  directive.map((value) => ({ kind: 'directive' as const, directive: value })),
  fc.record({ kind: fc.constant('refused'), code: someText, text }),
);

const question: fc.Arbitrary<TailQuestion> = fc.record({
  cluster: name,
  member: name,
  epoch,
  from: position,
});
const tailMessage: fc.Arbitrary<TailMessage> = fc.oneof(
  position.map((atLeast) => ({ kind: 'head' as const, atLeast })),
  fc.tuple(name, fc.uint8Array({ maxLength: 64 }), fc.nat(), fc.nat()).map(([file, bytes, offset, rest]) => ({
    kind: 'chunk' as const,
    name: file,
    size: offset + bytes.length + rest,
    offset,
    data: Buffer.from(bytes),
  })),
  text.map((value) => ({ kind: 'refused' as const, text: value })),
);

const vouchQuestion: fc.Arbitrary<VouchQuestion> = fc.record({
  cluster: name,
  from: name,
  to: name,
  epoch,
  nonce: uint64,
  incarnation: someText,
  promiseMs: milliseconds,
});
const vouchAnswer: fc.Arbitrary<VouchAnswer> = fc
  .tuple(someText, uint64, epoch, maybe(someText))
  .map(([incarnation, nonce, asked, because]) => ({
    ...{ incarnation, nonce, epoch: asked },
    promised: because === undefined,
    because: because ?? '',
  }));

const overAgentWire = (message: AgentMessage): Buffer => session.requestSerialize(writeAgentMessage(message));
const overControllerWire = (message: ControllerMessage): Buffer =>
  session.responseSerialize(writeControllerMessage(message));

describe('messages survive the wire unchanged', () => {
  it('from an agent', () => {
    fc.assert(
      fc.property(agentMessage, (message) => {
        expect(readAgentMessage(session.requestDeserialize(overAgentWire(message)))).toEqual(message);
      }),
    );
  });

  it('from a controller', () => {
    fc.assert(
      fc.property(controllerMessage, (message) => {
        expect(readControllerMessage(session.responseDeserialize(overControllerWire(message)))).toEqual(
          message,
        );
      }),
    );
  });

  it('between agents', () => {
    fc.assert(
      fc.property(question, tailMessage, (asked, answered) => {
        const request = readTail.requestDeserialize(readTail.requestSerialize(writeTailQuestion(asked)));
        expect(readTailQuestion(request)).toEqual(asked);
        const response = readTail.responseDeserialize(readTail.responseSerialize(writeTailMessage(answered)));
        expect(readTailMessage(response)).toEqual(answered);
      }),
    );
  });

  it('between the agent of a leader and that of a replica', () => {
    fc.assert(
      fc.property(vouchQuestion, vouchAnswer, (asked, answered) => {
        const request = vouch.requestDeserialize(vouch.requestSerialize(writeVouchQuestion(asked)));
        expect(readVouchQuestion(request)).toEqual(asked);
        const response = vouch.responseDeserialize(vouch.responseSerialize(writeVouchAnswer(answered)));
        expect(readVouchAnswer(response)).toEqual(answered);
      }),
    );
  });

  it('from a controller to whoever leads clients', () => {
    const { responseSerialize, responseDeserialize } = wire.Topology.service.WatchTopology;
    fc.assert(
      fc.property(topology, (told) => {
        expect(readTopology(responseDeserialize(responseSerialize(writeTopology(told))))).toEqual(told);
      }),
    );
  });
});

describe('numbers that a field cannot hold', () => {
  const example = fc.sample(report, { numRuns: 1, seed: 1 })[0]!;
  const grant = {
    kind: 'grant',
    incarnation: 'i',
    nonce: 1n,
    epoch: asEpoch(1n),
    term: { generation: 0n, revision: asRevision(1n) },
  } as const;

  function sentReport(database: Partial<Report['database']>): Report['database'] {
    const message = {
      kind: 'report' as const,
      report: { ...example, database: { ...example.database, ...database } },
    };
    const read = readAgentMessage(session.requestDeserialize(overAgentWire(message)));
    if (read.kind !== 'report') throw new Error(read.kind);
    return read.report.database;
  }

  it('a canary never looks younger than it is', () => {
    expect(sentReport({ canaryAgeMs: 12.1 }).canaryAgeMs).toBe(13);
    expect(sentReport({ canaryAgeMs: Number.POSITIVE_INFINITY }).canaryAgeMs).toBe(2 ** 32 - 1);
  });

  it('a lag that an engine computed to be negative is none', () => {
    expect(sentReport({ backlog: -5 }).backlog).toBe(0);
  });

  it('a look at another member never looks younger than it is', () => {
    const probe = { member: 'b', database: 'silent', agent: 'refuses', ageMs: 12.1 } as const;
    const message = { kind: 'report' as const, report: { ...example, probe } };
    const read = readAgentMessage(session.requestDeserialize(overAgentWire(message)));
    expect(read).toMatchObject({ report: { probe: { ...probe, ageMs: 13 } } });
  });

  it('a guard never seems to hold longer than it does; without end it stays without end', () => {
    for (const [told, heard] of [
      [1999.9, 1999],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ] as const) {
      const message = { kind: 'report' as const, report: { ...example, guardedForMs: told } };
      const read = readAgentMessage(session.requestDeserialize(overAgentWire(message)));
      expect(read).toMatchObject({ report: { guardedForMs: heard } });
    }
  });

  it('a vouch never looks fresher than it is, nor a promise shorter', () => {
    const vouched = { epoch: asEpoch(3n), ageMs: 12.1, leftMs: 99.1 };
    const message = { kind: 'report' as const, report: { ...example, vouched } };
    const read = readAgentMessage(session.requestDeserialize(overAgentWire(message)));
    expect(read).toMatchObject({ report: { vouched: { ...vouched, ageMs: 13, leftMs: 100 } } });
    const asked = fc.sample(vouchQuestion, { numRuns: 1, seed: 1 })[0]!;
    expect(writeVouchQuestion({ ...asked, promiseMs: asDuration(3055.1) }).promiseMs).toBe(3056);
  });

  it('a hold is never longer than it was granted', () => {
    const sent: ControllerMessage = {
      kind: 'directive',
      directive: { ...grant, holdMs: asDuration(1999.9) },
    };
    const read = readControllerMessage(session.responseDeserialize(overControllerWire(sent)));
    expect(read).toMatchObject({ directive: { holdMs: 1999 } });
  });
});

describe('what is no message of ours', () => {
  /** Runs a reader on what protobuf makes of some bytes, if it makes anything of them. */
  function door<Wire>(
    deserialize: (bytes: Buffer) => Wire,
    read: (message: Wire) => unknown,
  ): (bytes: Buffer) => void {
    return (bytes) => {
      let message: Wire;
      try {
        message = deserialize(bytes);
      } catch {
        return; // grpc-js ends the call by itself
      }
      onlyMalformed(() => read(message));
    };
  }

  function onlyMalformed(read: () => unknown): void {
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessage);
      expect((error as MalformedMessage).field).not.toBe('');
    }
  }

  const doors = [
    door(session.requestDeserialize, readAgentMessage),
    door(session.responseDeserialize, readControllerMessage),
    door(readTail.requestDeserialize, readTailQuestion),
    door(readTail.responseDeserialize, readTailMessage),
    door(vouch.requestDeserialize, readVouchQuestion),
    door(vouch.responseDeserialize, readVouchAnswer),
  ];

  it('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const enter of doors) enter(Buffer.from(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('messages with bytes changed, lost and added', () => {
    const bytes = fc.oneof(
      agentMessage.map(overAgentWire),
      controllerMessage.map(overControllerWire),
      question.map((asked) => readTail.requestSerialize(writeTailQuestion(asked))),
      tailMessage.map((answered) => readTail.responseSerialize(writeTailMessage(answered))),
      vouchQuestion.map((asked) => vouch.requestSerialize(writeVouchQuestion(asked))),
      vouchAnswer.map((answered) => vouch.responseSerialize(writeVouchAnswer(answered))),
    );
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.uint8Array({ maxLength: 3 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(bytes, edits, (original, changes) => {
        let edited = [...original];
        for (const [at, removed, added] of changes)
          edited = edited.toSpliced(at % (edited.length + 1), removed, ...added);
        for (const enter of doors) enter(Buffer.from(edited));
      }),
      { numRuns: 2000 },
    );
  });

  const running = { incarnation: 'i', database: { state: 'running', role: 'replica', ownTail: 'awaited' } };
  const sealedAt = (mariadb: object) => ({
    report: { incarnation: 'i', sealed: { position: { mariadb: { dataId: 'd', ...mariadb } } } },
  });
  const sealedOnMysql = (mysql: object) => ({
    report: { incarnation: 'i', sealed: { position: { mysql: { dataId: 'd', ...mysql } } } },
  });
  const greeting = { cluster: 'a', member: 'b', incarnation: 'i', identity: 'x' };
  const finding = { severity: 'note', code: 'extra-follower' };

  it.each<[field: string, message: Parameters<typeof session.requestSerialize>[0]]>([
    ['message', {}],
    ['hello.cluster', { hello: {} }],
    ['hello.cluster', { hello: { cluster: '../x' } }],
    ['hello.identity', { hello: { cluster: 'a', member: 'b', incarnation: 'i' } }],
    ['hello.agent_address', { hello: { ...greeting, agentAddress: 'host:99999' } }],
    ['hello.database_port', { hello: { ...greeting, agentAddress: 'h:1', databaseHost: 'h' } }],
    ['report.incarnation', { report: {} }],
    ['report.highest_epoch', { report: { incarnation: 'i', highestEpoch: '18446744073709551615' } }],
    ['report.sealed.position.engine', { report: { incarnation: 'i', sealed: { position: {} } } }],
    ['report.sealed.position.mariadb.data_id', sealedAt({ dataId: '' })],
    ['report.sealed.position.mariadb.gtids', sealedAt({ gtids: '0-1' })],
    ['report.sealed.position.mariadb.gtids', sealedAt({ gtids: '0-1-5,0-2-6' })],
    ['report.sealed.position.mariadb.lines[0].from', sealedAt({ lines: [{ epoch: '1', from: '1/2A' }] })],
    [
      'report.sealed.position.mariadb.lines[1].epoch',
      sealedAt({ lines: [{}, { epoch: '9007199254740992' }] }),
    ],
    ['report.sealed.position.mysql.gtids', sealedOnMysql({ gtids: '0-1-5' })],
    ['report.sealed.position.mysql.lines[0].server', sealedOnMysql({ lines: [{ epoch: '1' }] })],
    [
      'report.sealed.position.mysql.lines[0].from',
      sealedOnMysql({ lines: [{ epoch: '1', server: 's', from: '1/2A' }] }),
    ],
    ['report.sealed.position.mariadb.marks[0].mark', sealedAt({ marks: [{ epoch: '1' }] })],
    [
      'report.tail',
      { report: { incarnation: 'i', tail: { atLeast: { postgres: { dataId: '1' } }, failed: 'x' } } },
    ],
    ['report.database', { report: { incarnation: 'i' } }],
    ['report.database.state', { report: { incarnation: 'i', database: { state: 'melting' } } }],
    ['report.probe.database', { report: { ...running, probe: { member: 'b', database: 'maybe' } } }],
    ['report.probe.agent', { report: { ...running, probe: { member: 'b', database: 'silent' } } }],
    ['report.inspection.findings[0].severity', { report: { ...running, inspection: { findings: [{}] } } }],
    [
      'report.inspection.findings[1].code',
      { report: { ...running, inspection: { findings: [finding, { ...finding, code: '' }] } } },
    ],
    ['report.released_epoch', { report: { ...running, releasedEpoch: '18446744073709551615' } }],
  ])('%s is named: %j', (field, message) => {
    const bytes = session.requestSerialize(message);
    expect(() => readAgentMessage(session.requestDeserialize(bytes))).toThrow(
      expect.objectContaining({ field }) as Error,
    );
  });

  it.each<[field: string, message: Parameters<typeof session.responseSerialize>[0]]>([
    ['directive.term', { directive: { seal: { epoch: 1 } } }],
    ['directive', { directive: { term: {} } }],
    ['directive.plan.json', { directive: { term: {}, plan: { json: '{"cluster":' } } }],
    ['directive.plan.json', { directive: { term: {}, plan: { json: '{"cluster":"c"}' } } }],
    [
      'directive.take_tail.agent_address',
      { directive: { term: {}, takeTail: { from: 'a', agentAddress: 'nowhere' } } },
    ],
    ['directive.end_hold.epoch', { directive: { term: {}, endHold: { epoch: '18446744073709551615' } } }],
    ['directive.step_down.epoch', { directive: { term: {}, stepDown: { epoch: '18446744073709551615' } } }],
    ['directive.probe.name', { directive: { term: {}, probe: {} } }],
    ['directive.probe.agent_address', { directive: { term: {}, probe: { name: 'b' } } }],
    [
      'directive.probe.identity',
      {
        directive: {
          term: {},
          probe: { name: 'b', agentAddress: 'b:1', databaseHost: 'b', databasePort: 1 },
        },
      },
    ],
    [
      'directive.inspect.peers[0].database_host',
      { directive: { term: {}, inspect: { peers: [{ name: 'b', agentAddress: 'b:1' }] } } },
    ],
    ['refused.code', { refused: {} }],
  ])('%s is named: %j', (field, message) => {
    const bytes = session.responseSerialize(message);
    expect(() => readControllerMessage(session.responseDeserialize(bytes))).toThrow(
      expect.objectContaining({ field }) as Error,
    );
  });

  it.each<[field: string, message: Parameters<typeof vouch.responseSerialize>[0]]>([
    ['refused', { incarnation: 'i' }],
    ['refused', { incarnation: 'i', promised: true, refused: 'superseded' }],
    ['incarnation', { promised: true }],
  ])('of an answer to a vouch %s is named: %j', (field, message) => {
    const bytes = vouch.responseSerialize(message);
    expect(() => readVouchAnswer(vouch.responseDeserialize(bytes))).toThrow(
      expect.objectContaining({ field }) as Error,
    );
  });

  it.each(['', '.', '..', '../pg_hba.conf', '/etc/passwd', 'a/b', 'a\\b', '.hidden', `a${'x'.repeat(255)}`])(
    'a log file that would be called %j',
    (file) => {
      const bytes = readTail.responseSerialize({ chunk: { name: file, size: 0 } });
      expect(() => readTailMessage(readTail.responseDeserialize(bytes))).toThrow('chunk.name');
    },
  );
});
