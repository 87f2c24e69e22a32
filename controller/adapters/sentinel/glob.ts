/** Patterns as PSUBSCRIBE has them: `*`, `?`, `[a-z]`, `[^a]`, and `\` before what is meant as it is. */

/** One of the characters; undefined: any. */
type Part = ((character: string) => boolean) | 'many';

/** Takes time that grows with both lengths, whatever the pattern: strangers write them. */
export function matches(pattern: string, text: string): boolean {
  const parts = partsOf(pattern);
  let [part, at] = [0, 0];
  // After the last `*`: a longer stretch for it is the only other way there is.
  let again: { part: number; at: number } | undefined;
  while (at < text.length) {
    const one = parts[part];
    if (one === 'many') {
      part += 1;
      again = { part, at };
    } else if (one?.(text.charAt(at)) === true) {
      part += 1;
      at += 1;
    } else if (again !== undefined) {
      again.at += 1;
      ({ part, at } = again);
    } else return false;
  }
  return parts.slice(part).every((one) => one === 'many');
}

function partsOf(pattern: string): readonly Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const sign = pattern.charAt(at);
    if (sign === '*') parts.push('many');
    else if (sign === '?') parts.push(() => true);
    else if (sign === '[') {
      const { part, end } = oneOf(pattern, at + 1);
      parts.push(part);
      at = end;
    } else {
      if (sign === '\\' && at + 1 < pattern.length) at += 1;
      const meant = pattern.charAt(at);
      parts.push((character) => character === meant);
    }
  }
  return parts;
}

/** `end`: where its bracket closes, or the pattern does. */
function oneOf(pattern: string, from: number): { part: Part; end: number } {
  const isNot = pattern.charAt(from) === '^';
  const ranges: [string, string][] = [];
  let at = isNot ? from + 1 : from;
  while (at < pattern.length && pattern.charAt(at) !== ']') {
    if (pattern.charAt(at) === '\\' && at + 1 < pattern.length) at += 1;
    const low = pattern.charAt(at);
    const isRange = pattern.charAt(at + 1) === '-' && at + 2 < pattern.length;
    ranges.push([low, isRange ? pattern.charAt(at + 2) : low]);
    at += isRange ? 3 : 1;
  }
  const isIn = (character: string): boolean =>
    ranges.some(([a, b]) => (a <= b ? a <= character && character <= b : b <= character && character <= a));
  return { part: (character) => isIn(character) !== isNot, end: at };
}
