/**
 * Writes JSON byte for byte as Core's univalue does: compact, or indented as its tools print. Numbers that are no safe
 * integers get 16 significant digits (`%.16g`), since that is what Core's streams print.
 */
import { hasMembers, JsonNumber, type JsonObject, type JsonOut, type ParsedObject } from './json.ts';

/** What univalue escapes: JSON's own set and DEL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const NEEDS_ESCAPE = /["\\\u0000-\u001f\u007f]/;
const SIGNIFICANT_DIGITS = 16;
/** Enough to see whether a double lies half way between two numbers of 16 digits. */
const EXACT_DIGITS = 60;

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
  if (hasMembers(value)) {
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
function membersOf(
  value: JsonObject | ParsedObject | { readonly [name: string]: JsonOut },
): (readonly [string, JsonOut])[] {
  const members: readonly (readonly [string, JsonOut])[] = hasMembers(value)
    ? value.members
    : Object.entries(value);
  return members.filter(([, member]) => member !== undefined);
}

/** As C's `%.16g` prints a double. */
export function formatNumber(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  const sign = value < 0 ? '-' : '';
  const { digits, exponent } = roundedDigits(Math.abs(value));
  const significant = digits.replace(/0+$/, '');
  if (exponent < -4 || exponent >= SIGNIFICANT_DIGITS) {
    const power = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
    return `${sign}${withPoint(significant, 1)}e${power}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${significant}`;
  return sign + withPoint(significant.padEnd(exponent + 1, '0'), exponent + 1);
}

/** 16 digits and the power of ten of the first. C rounds a half to the even digit, JavaScript up. */
function roundedDigits(magnitude: number): { readonly digits: string; readonly exponent: number } {
  const [exact] = magnitude.toExponential(EXACT_DIGITS).split('e') as [string, string];
  const isHalf = /^\d\.\d{15}50*$/.test(exact);
  const isEven = Number(exact[SIGNIFICANT_DIGITS]) % 2 === 0;
  const [mantissa, exponent] = magnitude.toExponential(SIGNIFICANT_DIGITS - 1).split('e') as [string, string];
  const rounded = isHalf && isEven ? exact.slice(0, SIGNIFICANT_DIGITS + 1) : mantissa;
  return { digits: rounded.replace('.', ''), exponent: Number(exponent) };
}

/** `digits` with a point after the first `whole` ones, if there are more. */
function withPoint(digits: string, whole: number): string {
  return digits.length > whole ? `${digits.slice(0, whole)}.${digits.slice(whole)}` : digits;
}

function quote(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}

function isArray(value: unknown): value is readonly JsonOut[] {
  return Array.isArray(value);
}
