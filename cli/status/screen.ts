/** Where the pictures of `--watch` are shown: over each other where a person looks, one after the other where a file grows. */
import type { Terminal } from '#cli/terminal.js';

export interface Screen {
  show(picture: string): void;
  /** Leaves the terminal as it was found, with the last picture on it. */
  close(): void;
}

export const openScreen = (terminal: Terminal): Screen =>
  terminal.isInteractive ? redrawn(terminal) : appended(terminal);

const ESC = '\u001b[';
/** A screen of its own (what was there before comes back), without cursor, cut lines instead of wrapped ones. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
const HOME = `${ESC}H`;
const CLEAR_TO_END_OF_LINE = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

function redrawn({ print, rows }: Terminal): Screen {
  let last = '';
  print(ENTER);
  return {
    show(picture) {
      last = picture;
      const lines = picture.trimEnd().split('\n');
      const room = Math.max(1, rows() - 1);
      const shown =
        lines.length <= room
          ? lines
          : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`];
      // Each line is written over the old one and then cleared behind: nothing flickers.
      print(HOME + shown.map((line) => line + CLEAR_TO_END_OF_LINE).join('\n') + CLEAR_BELOW);
    },
    close: () => print(LEAVE + last),
  };
}

function appended({ print }: Terminal): Screen {
  let isFirst = true;
  return {
    show(picture) {
      print(isFirst ? picture : `\n${picture}`);
      isFirst = false;
    },
    close: () => undefined,
  };
}
