/** Decimal numbers as both servers pack them. */
import type { Bytes } from '#agent/engines/mysql-family/bytes.js';

const DIGITS = 9;
const BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/** Nine digits in four bytes each, the greatest first; the first bit is the sign, and a negative one has all bits turned over. */
export function readDecimal(precision: number, scale: number, bytes: Bytes): string {
  const whole = precision - scale;
  const parts = [
    ...(whole % DIGITS > 0 ? [whole % DIGITS] : []),
    ...Array.from({ length: Math.floor(whole / DIGITS) }, () => DIGITS),
    ...Array.from({ length: Math.floor(scale / DIGITS) }, () => DIGITS),
    ...(scale % DIGITS > 0 ? [scale % DIGITS] : []),
  ];
  const length = parts.reduce((sum, digits) => sum + (BYTES_OF_DIGITS[digits] ?? 0), 0);
  const data = Buffer.from(bytes.take(length));
  const isNegative = (data.readUInt8(0) & 0x80) === 0;
  data.writeUInt8(data.readUInt8(0) ^ 0x80, 0);
  if (isNegative) data.forEach((byte, index) => (data[index] = byte ^ 0xff));
  let at = 0;
  const digits = parts.map((count) => {
    const size = BYTES_OF_DIGITS[count] ?? 0;
    const value = data.readUIntBE(at, size);
    at += size;
    return String(value).padStart(count, '0');
  });
  const text = digits.join('');
  const [before, after] = [text.slice(0, whole).replace(/^0+(?=\d)/, '') || '0', text.slice(whole)];
  return `${isNegative ? '-' : ''}${before}${after === '' ? '' : `.${after}`}`;
}
