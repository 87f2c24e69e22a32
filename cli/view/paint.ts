/** Colours that repeat what the words say, never more: the words alone must do, in a log or without colours. */
export type Style = 'bold' | 'dim' | 'good' | 'warning' | 'bad';
export type Paint = (style: Style, text: string) => string;

const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, good: 32, warning: 33, bad: 31 };
const RESET = '\u001b[0m';

export const createPaint = (hasColours: boolean): Paint =>
  hasColours ? (style, text) => `\u001b[${CODES[style]}m${text}${RESET}` : plain;

export const plain: Paint = (_, text) => text;
