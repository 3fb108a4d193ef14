/**
 * Writes JSON byte for byte as Core's univalue does: compact, or indented as its tools print. Numbers that are no safe
 * integers get 16 significant digits (`%.16g`), since that is what Core's streams print.
 */
import { JsonNumber, JsonObject, type JsonOut } from './json.ts';

/** What univalue escapes: JSON's own set and DEL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const NEEDS_ESCAPE = /["\\\u0000-\u001f\u007f]/;
const SIGNIFICANT_DIGITS = 16;

/** Without any white space. */
export function compactJson(value: JsonOut): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return formatNumber(value);
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'undefined':
      return 'null';
    default:
      return compactNested(value);
  }
}

function compactNested(value: Exclude<JsonOut, undefined | string | number | boolean | bigint>): string {
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return value.text;
  if (isArray(value)) {
    let text = '';
    for (const item of value) text += text === '' ? compactJson(item) : `,${compactJson(item)}`;
    return `[${text}]`;
  }
  let text = '';
  if (value instanceof JsonObject) {
    for (const [name, member] of value.members) {
      if (member !== undefined) text += `${text === '' ? '' : ','}${quote(name)}:${compactJson(member)}`;
    }
    return `{${text}}`;
  }
  const record = value as Readonly<Record<string, JsonOut>>;
  for (const name in record) {
    const member = record[name];
    if (member !== undefined) text += `${text === '' ? '' : ','}${quote(name)}:${compactJson(member)}`;
  }
  return `{${text}}`;
}

/** One member or item a line, `indent` spaces a level; an empty container spans two lines, as univalue has it. */
export function prettyJson(value: JsonOut, indent: number, level = 1): string {
  if (value === null || typeof value !== 'object' || value instanceof JsonNumber) return compactJson(value);
  const line = `\n${' '.repeat(indent * level)}`;
  const end = `\n${' '.repeat(indent * (level - 1))}`;
  if (isArray(value)) {
    const items = value.map(item => line + prettyJson(item, indent, level + 1));
    return `[${items.join(',')}${end}]`;
  }
  const members = membersOf(value).map(
    ([name, member]) => `${line}${quote(name)}: ${prettyJson(member, indent, level + 1)}`,
  );
  return `{${members.join(',')}${end}}`;
}

/** Name and value of each member that is there. */
export function membersOf(
  value: JsonObject | { readonly [name: string]: JsonOut },
): (readonly [string, JsonOut])[] {
  const members = value instanceof JsonObject ? value.members : Object.entries(value);
  return members.filter(([, member]) => member !== undefined);
}

/** As C's `%.16g` prints a double. */
export function formatNumber(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  const [mantissa, exponentText] = value.toExponential(SIGNIFICANT_DIGITS - 1).split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= SIGNIFICANT_DIGITS) {
    const sign = exponent < 0 ? '-' : '+';
    return `${withoutTrailingZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return withoutTrailingZeros(value.toFixed(Math.min(SIGNIFICANT_DIGITS - 1 - exponent, 100)));
}

function withoutTrailingZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function quote(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}

function isArray(value: unknown): value is readonly JsonOut[] {
  return Array.isArray(value);
}
