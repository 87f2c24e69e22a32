/**
 * Scenarios as text: a comment, a command, and below the line what it led to. A file is run from top to bottom and
 * written again from what really happened; `npx vitest run --project scenarios -u` takes that over, and the diff is read like prose.
 */
export interface Scenario {
  /** Runs one command line and returns the lines it led to. */
  run(command: string, options: Options): readonly string[];
}

export type Options = Readonly<Record<string, string>>;

const RULE = '----';

/** The file as it would be if every block had led to what `scenario` says. */
export function replay(text: string, scenario: Scenario): string {
  const blocks = text.split('\n\n').map((block) => block.trimEnd());
  const played = blocks.map((block) => {
    const lines = block.split('\n');
    const end = lines.indexOf(RULE);
    const head = end === -1 ? lines : lines.slice(0, end);
    const commands = head.filter((line) => line !== '' && !line.startsWith('#'));
    if (commands.length === 0) return block;
    const led = commands.flatMap((line) => {
      const [name = '', ...words] = line.trim().split(/\s+/);
      const options: Record<string, string> = {};
      for (const [i, word] of words.entries()) {
        const [key = '', value] = word.split('=');
        options[value === undefined ? String(i) : key] = value ?? key;
      }
      return scenario.run(name, options);
    });
    return [...head, RULE, ...(led.length === 0 ? ['(nothing)'] : led)].join('\n');
  });
  return `${played.join('\n\n').trimEnd()}\n`;
}
