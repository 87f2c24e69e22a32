// What each request is answered, and by which words: those of a Redis that is a Sentinel (test/contract/sentinel.test.ts asks one).
import { describe, expect, it } from 'vitest';
import { asEpoch, asMonotonic } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import { answer } from '#controller/adapters/sentinel/commands.js';
import { type Protocol, writeReply } from '#controller/adapters/sentinel/replies.js';
import { newSession, type Session } from '#controller/adapters/sentinel/session.js';
import { follow, type Told } from '#controller/adapters/sentinel/told.js';
import { loginOf, selfOf, type View } from '#controller/adapters/sentinel/view.js';

const member = (n: number) => ({ name: `m-${n}`, host: `10.0.0.${n}`, port: 6379 });
const LED: Topology = {
  ...{ cluster: 'orders', engine: 'redis', epoch: asEpoch(7n), leader: member(1), because: undefined },
  ...{ replicas: [member(2)], pause: undefined },
};
const lost = (because: Topology['because']): Topology => ({
  ...LED,
  leader: undefined,
  because,
  replicas: [],
});

const told = (...topologies: readonly Topology[]): Told | undefined =>
  topologies.reduce<Told | undefined>(
    (before, now, i) => follow(before, now, asMonotonic(i * 1_000)),
    undefined,
  );

interface Setting {
  readonly master?: Told | undefined;
  readonly password?: string;
  readonly user?: string;
}

function viewOf({ master = told(LED), password, user }: Setting): View {
  const address = (n: number) => ({ host: `10.0.1.${n}`, port: 26_379 });
  return {
    self: selfOf({ announce: address(1), peers: [address(2), address(3)] }),
    login: loginOf(password === undefined ? undefined : { user, password }),
    now: asMonotonic(5_000),
    counts: { connections: 1, mostConnections: 10, accepted: 2, commands: 3, upSeconds: 4 },
    masters: () => (master === undefined ? [] : [master]),
    master: (name) => (name === master?.name ? master : undefined),
  };
}

/** Sends one line after another, by blanks, and gives what was answered, one line each, with blanks for line ends. */
function ask(lines: readonly string[], setting: Setting = {}, protocol: Protocol = 2) {
  const view = viewOf(setting);
  let session: Session = { ...newSession(7, !view.login.isNeeded), protocol };
  let ends = false;
  const said = lines.map((line) => {
    const outcome = answer(session, line === '' ? [] : line.split(' '), view);
    ({ session, ends } = outcome);
    const text = outcome.replies.map((reply) => writeReply(reply, session.protocol)).join('');
    return text.trimEnd().replaceAll('\r\n', ' ');
  });
  return { said, session, ends };
}

const says = (line: string, setting?: Setting, protocol?: Protocol): string | undefined =>
  ask([line], setting, protocol).said[0];

/** A field map, as names and values. */
function fields(line: string, setting?: Setting): Readonly<Record<string, string>> {
  const words = (says(line, setting) ?? '').split(/ ?\$\d+ /).slice(1);
  return Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1] ?? '']] : [])));
}

describe('a leader', () => {
  it('has an address', () => {
    expect(says('SENTINEL get-master-addr-by-name orders')).toBe('*2 $8 10.0.0.1 $4 6379');
    expect(says('sentinel GET-PRIMARY-ADDR-BY-NAME orders')).toBe('*2 $8 10.0.0.1 $4 6379');
    expect(says('SENTINEL get-master-addr-by-name Orders')).toBe('*-1');
    expect(says('SENTINEL get-master-addr-by-name Orders', {}, 3)).toBe('_');
  });

  it('is a master, by the epoch that it opened at', () => {
    expect(fields('SENTINEL MASTER orders')).toMatchObject({
      ...{ name: 'orders', ip: '10.0.0.1', port: '6379', flags: 'master', 'config-epoch': '7' },
      ...{ 'num-slaves': '1', 'num-other-sentinels': '2', quorum: '2', 'role-reported-time': '5000' },
    });
    expect(says('SENTINEL MASTERS')).toMatch(/^\*1 \*40 /);
    expect(says('SENTINEL MASTERS', {}, 3)).toMatch(/^\*1 %20 /);
    expect(says('SENTINEL PRIMARIES', { master: undefined })).toMatch(/^\*1 /);
  });

  it('that is down keeps its address, with the flags that say so', () => {
    const master = told(LED, lost('none-leads'));
    expect(says('SENTINEL get-master-addr-by-name orders', { master })).toBe('*2 $8 10.0.0.1 $4 6379');
    expect(fields('SENTINEL MASTER orders', { master })).toMatchObject({
      ...{ flags: 's_down,o_down,master', 's-down-time': '4000', 'o-down-time': '4000' },
    });
    expect(says('SENTINEL is-master-down-by-addr 10.0.0.1 6379 0 *', { master })).toBe('*3 :1 $1 * :0');
    expect(says('INFO sentinel', { master })).toContain('name=orders,status=odown,address=10.0.0.1:6379,');
  });

  it('that is not heard is asked for elsewhere', () => {
    const master = told(LED, lost('not-heard'));
    expect(says('SENTINEL get-master-addr-by-name orders', { master })).toBe('*-1');
    expect(says('SENTINEL MASTER orders', { master })).toMatch(
      /^-ERR No such master with that name: whoever/,
    );
    expect(says('SENTINEL MASTERS', { master })).toContain('s_down,master,disconnected');
  });
});

describe('others', () => {
  it('are replicas that follow, and those that did', () => {
    expect(says('SENTINEL REPLICAS orders')).toMatch(
      /^\*1 \*42 \$4 name \$13 10\.0\.0\.2:6379 .*\$5 flags \$5 slave .*\$2 ok \$11 master-host \$8 10\.0\.0\.1 /,
    );
    const master = told(LED, { ...LED, replicas: [] });
    expect(says('SENTINEL slaves orders', { master })).toMatch(
      /\$5 flags \$25 s_down,slave,disconnected .*\$3 err /,
    );
  });

  it('are the other controllers, each under the name that it has for itself', () => {
    const runId = (n: number): string =>
      selfOf({ announce: { host: `10.0.1.${n}`, port: 26_379 }, peers: [] }).runId;
    const peers = says('SENTINEL SENTINELS orders') ?? '';
    expect(peers).toMatch(/^\*2 \*28 /);
    for (const n of [2, 3])
      expect(peers).toContain(`$4 name $40 ${runId(n)} $2 ip $8 10.0.1.${n} $4 port $5 26379 `);
    expect(says('SENTINEL MYID')).toBe(`$40 ${runId(1)}`);
  });

  it('are of no master that is not known', () => {
    for (const what of ['MASTER', 'REPLICAS', 'SENTINELS', 'CKQUORUM'])
      expect(says(`SENTINEL ${what} x`)).toBe('-ERR No such master with that name');
  });
});

describe('what would change something', () => {
  it.each([
    'FAILOVER orders',
    'MONITOR a b 1 2',
    'REMOVE orders',
    'RESET *',
    'SET orders quorum 1',
    'FLUSHCONFIG',
  ])('SENTINEL %s is refused, and says what does it', (line) =>
    expect(says(`SENTINEL ${line}`)).toMatch(/^-NOPERM nothing can be changed here: /),
  );

  it.each(['SHUTDOWN', 'ACL SETUSER a'])('%s is refused', (line) => expect(says(line)).toMatch(/^-NOPERM /));
});

describe('a connection', () => {
  it.each([
    ['PING', '+PONG'],
    ['PING a', '$1 a'],
    ['PING a b', "-ERR wrong number of arguments for 'ping' command"],
    ['', ''],
    ['ROLE', '*2 $8 sentinel *1 $6 orders'],
    ['SENTINEL', "-ERR wrong number of arguments for 'sentinel' command"],
    ['SENTINEL master', "-ERR wrong number of arguments for 'sentinel|master' command"],
    ['SENTINEL foo a', "-ERR unknown subcommand 'foo'. Try SENTINEL HELP."],
    ['FOO a b', "-ERR unknown command 'FOO', with args beginning with: 'a' 'b'"],
    ['GET a', "-ERR unknown command 'GET', with args beginning with: 'a'"],
    ['constructor', "-ERR unknown command 'constructor', with args beginning with:"],
    ['SENTINEL master __proto__', '-ERR No such master with that name'],
    ['CLIENT ID', ':7'],
    ['CLIENT GETNAME', '$-1'],
    ['CLIENT SETINFO lib-name x', '+OK'],
    ['CLIENT MAINT_NOTIFICATIONS ON', "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."],
    ['COMMAND DOCS', '*0'],
    ['ACL WHOAMI', '$7 default'],
    ['PUBLISH a b', '-ERR Only HELLO messages are accepted by Sentinel instances.'],
    ['SELECT 0', '+OK'],
    ['SELECT 1', '-ERR DB index is out of range'],
    ['AUTH x', /^-ERR AUTH <password> called without any password configured/],
    ['AUTH default x', '+OK'],
    ['AUTH a b', '-WRONGPASS invalid username-password pair or user is disabled.'],
    ['HELLO 4', '-NOPROTO unsupported protocol version'],
    ['HELLO x', '-ERR Protocol version is not an integer or out of range'],
    ['HELLO 3 FOO', "-ERR Syntax error in HELLO option 'FOO'"],
    ['INFO nothing', '$0'],
  ])('that says %j', (line, said) => {
    if (typeof said === 'string') expect(says(line)).toBe(said);
    else expect(says(line)).toMatch(said);
  });

  it('speaks the newer language once it has asked for it', () => {
    const { said, session } = ask(['HELLO 3 SETNAME a', 'CLIENT GETNAME', 'HELLO 2']);
    expect(said).toEqual([
      '%6 $6 server $5 redis $7 version $5 7.2.4 $5 proto :3 $2 id :7 $4 mode $8 sentinel $7 modules *0',
      '$1 a',
      '*12 $6 server $5 redis $7 version $5 7.2.4 $5 proto :2 $2 id :7 $4 mode $8 sentinel $7 modules *0',
    ]);
    expect(session.protocol).toBe(2);
  });

  it('cannot make an answer of its own words', () => {
    const { replies } = answer(newSession(1, true), ['a\r\n+OK'], viewOf({}));
    expect(replies.map((reply) => writeReply(reply, 2))).toEqual([
      "-ERR unknown command 'a  +OK', with args beginning with: \r\n",
    ]);
  });

  it('tells drivers in INFO what they speak to', () => {
    const text = says('INFO') ?? '';
    for (const line of ['redis_mode:sentinel', 'redis_version:7.2.4', 'tcp_port:26379', 'sentinel_masters:1'])
      expect(text).toContain(` ${line} `);
    expect(text).toContain('master0:name=orders,status=ok,address=10.0.0.1:6379,slaves=1,sentinels=3');
    expect(says('INFO', {}, 3)).toMatch(/^\$\d+ # Server /);
  });
});

describe('whoever has a password', () => {
  const setting = { password: 'sécret' };
  const onWire = Buffer.from('sécret').toString('latin1');

  it('says it first', () => {
    expect(ask(['PING', `AUTH ${onWire}`, 'PING'], setting).said).toEqual([
      '-NOAUTH Authentication required.',
      '+OK',
      '+PONG',
    ]);
    expect(says('HELLO 3', setting)).toMatch(/^-NOAUTH HELLO must be called/);
    expect(says(`HELLO 3 AUTH default ${onWire}`, setting)).toMatch(/^%6 /);
  });

  it('has a name, if one was given', () => {
    const named = { ...setting, user: 'app' };
    expect(says(`AUTH ${onWire}`, named)).toMatch(/^-WRONGPASS/);
    expect(says(`AUTH app ${onWire}`, named)).toBe('+OK');
  });

  it('does not guess for long', () => {
    const { said, ends } = ask(
      Array.from({ length: 5 }, () => 'HELLO 3 AUTH default x'),
      setting,
    );
    expect(new Set(said)).toEqual(
      new Set(['-WRONGPASS invalid username-password pair or user is disabled.']),
    );
    expect(ends).toBe(true);
  });
});

describe('whoever listens', () => {
  it('is told how many he listens to, and in the older language says little else', () => {
    expect(
      ask(['SUBSCRIBE a b', 'PING', 'SENTINEL myid', 'UNSUBSCRIBE', 'UNSUBSCRIBE', 'PSUBSCRIBE *', 'RESET'])
        .said,
    ).toEqual([
      '*3 $9 subscribe $1 a :1 *3 $9 subscribe $1 b :2',
      '*2 $4 pong $0',
      expect.stringMatching(/^-ERR Can't execute 'sentinel\|myid': only/),
      '*3 $11 unsubscribe $1 a :1 *3 $11 unsubscribe $1 b :0',
      '*3 $11 unsubscribe $-1 :0',
      '*3 $10 psubscribe $1 * :1',
      '+RESET',
    ]);
    expect(ask(['SUBSCRIBE a', 'PING', 'ROLE'], {}, 3).said).toEqual([
      '>3 $9 subscribe $1 a :1',
      '+PONG',
      '*2 $8 sentinel *1 $6 orders',
    ]);
  });

  it('does not listen to whatever he can think of', () => {
    const many = Array.from({ length: 65 }, (_, i) => `c${i}`).join(' ');
    for (const line of [`SUBSCRIBE ${many}`, `PSUBSCRIBE ${many}`, `SUBSCRIBE ${'x'.repeat(300)}`]) {
      const { said, session } = ask([line]);
      expect(said[0]).toMatch(/^-ERR too many/);
      expect(session.channels.size + session.patterns.size).toBe(0);
    }
  });
});
