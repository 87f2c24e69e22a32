/** CLIENT: what drivers say of themselves when they connect, and ask of their own connection. */
import { setName } from '#controller/adapters/sentinel/greeting.js';
import { error, OK, type Reply } from '#controller/adapters/sentinel/replies.js';
import type { Request } from '#controller/adapters/sentinel/requests.js';
import type { Session } from '#controller/adapters/sentinel/session.js';

interface Said {
  /** Undefined: as it was. */
  readonly session?: Session;
  readonly reply: Reply;
}

interface Subcommand {
  readonly least: number;
  readonly most: number;
  run(session: Session, words: Request): Said;
}

const says = (count: number, reply: (session: Session, words: Request) => Reply): Subcommand => ({
  ...{ least: count, most: count },
  run: (session, words) => ({ reply: reply(session, words) }),
});

const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map([
  ['id', says(0, ({ id }) => id)],
  ['getname', says(0, ({ name }) => name)],
  ['setname', { least: 1, most: 1, run: (session, [name = '']) => setName(session, name) }],
  ['setinfo', says(2, () => OK)],
  ['no-evict', says(1, () => OK)],
  ['no-touch', says(1, () => OK)],
  ['info', says(0, describe)],
  ['list', { least: 0, most: 2, run: (session) => ({ reply: describe(session) }) }],
  // Whoever asked for no answers would wait for none of ours.
  ['reply', says(1, (_, [mode = '']) => (mode.toLowerCase() === 'on' ? OK : error('only CLIENT REPLY ON')))],
]);

export function clientCommand(session: Session, [word = '', ...words]: Request): Said {
  const name = word.toLowerCase();
  const subcommand = SUBCOMMANDS.get(name);
  if (subcommand === undefined)
    return { reply: error(`unknown subcommand '${word.slice(0, 128)}'. Try CLIENT HELP.`) };
  if (words.length < subcommand.least || words.length > subcommand.most)
    return { reply: error(`wrong number of arguments for 'client|${name}' command`) };
  return subcommand.run(session, words);
}

/** Of this connection only: nobody is told of others. */
function describe({ id, name = '', protocol, channels, patterns }: Session): Reply {
  return `id=${id} name=${name} db=0 sub=${channels.size} psub=${patterns.size} resp=${protocol}\n`;
}
