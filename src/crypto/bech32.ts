/**
 * Bech32 (BIP173) and Bech32m (BIP350), with the location of up to two wrong characters.
 *
 * Data are 5-bit values. The checksum is the remainder of a polynomial over GF(32); it tells any two wrong characters
 * of the data part apart, because the code has distance five at this length. So the positions are found by trying:
 * what one wrong value at one place adds to the remainder is a table, and two entries must sum to what is seen.
 */

export type Bech32Encoding = 'bech32' | 'bech32m';

export interface Bech32 {
  readonly encoding: Bech32Encoding;
  /** Lower case. */
  readonly hrp: string;
  /** 5-bit values without the checksum. */
  readonly data: Uint8Array;
}

export interface Bech32Errors {
  /** Core's words; '' when there is no error. */
  readonly message: string;
  /** Indices of characters that are (probably) wrong. */
  readonly positions: number[];
}

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const SEPARATOR = '1';
const CHECKSUM_LENGTH = 6;
/** Characters in all (BIP173). */
const LENGTH_MAX = 90;
const GENERATOR = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3] as const;
const FINAL: Readonly<Record<Bech32Encoding, number>> = { bech32: 1, bech32m: 0x2bc8_30a3 };

const charValue = new Int8Array(128).fill(-1);
for (let i = 0; i < CHARSET.length; i += 1) charValue[CHARSET.charCodeAt(i)] = i;

/** `hrp` in lower case, `data` 5-bit values. */
export function encodeBech32(encoding: Bech32Encoding, hrp: string, data: Uint8Array): string {
  let remainder = remainderOf(hrp, data);
  for (let i = 0; i < CHECKSUM_LENGTH; i += 1) remainder = step(remainder, 0);
  remainder ^= FINAL[encoding];
  let text = hrp + SEPARATOR;
  for (const value of data) text += CHARSET[value];
  for (let i = 0; i < CHECKSUM_LENGTH; i += 1) text += CHARSET[(remainder >>> (5 * (5 - i))) & 31];
  return text;
}

/** Undefined when `text` (characters 0–255) is anything but a whole Bech32 or Bech32m string. */
export function decodeBech32(text: string): Bech32 | undefined {
  if (text.length > LENGTH_MAX || wrongCharacters(text).length > 0) return undefined;
  const parts = split(text);
  if (typeof parts !== 'object') return undefined;
  const { hrp, values } = parts;
  const remainder = remainderOf(hrp, values);
  const data = values.subarray(0, values.length - CHECKSUM_LENGTH);
  if (remainder === FINAL.bech32) return { encoding: 'bech32', hrp, data };
  if (remainder === FINAL.bech32m) return { encoding: 'bech32m', hrp, data };
  return undefined;
}

/** What is wrong with `text` and where, as Core's `validateaddress` tells it (src/bech32.cpp: LocateErrors). */
export function locateBech32Errors(text: string): Bech32Errors {
  if (text.length > LENGTH_MAX) {
    const positions = Array.from({ length: text.length - LENGTH_MAX }, (_, i) => LENGTH_MAX + i);
    return { message: 'Bech32 string too long', positions };
  }
  const wrong = wrongCharacters(text);
  if (wrong.length > 0) return { message: 'Invalid character or mixed case', positions: wrong };
  const parts = split(text);
  if (parts === 'no separator') return { message: 'Missing separator', positions: [] };
  if (parts === 'misplaced separator') {
    return { message: 'Invalid separator position', positions: [text.lastIndexOf(SEPARATOR)] };
  }
  if (typeof parts === 'number') return { message: 'Invalid Base 32 character', positions: [parts] };

  const remainder = remainderOf(parts.hrp, parts.values);
  let best: { readonly encoding: Bech32Encoding; readonly positions: number[] } | undefined;
  for (const encoding of ['bech32', 'bech32m'] as const) {
    const residue = remainder ^ FINAL[encoding];
    if (residue === 0) return { message: '', positions: [] };
    const fromRight = explain(residue, parts.values.length);
    if (fromRight.length > 0 && (best === undefined || fromRight.length < best.positions.length)) {
      best = { encoding, positions: fromRight.map(place => text.length - 1 - place).sort((a, b) => a - b) };
    }
  }
  if (best === undefined) return { message: 'Invalid checksum', positions: [] };
  return {
    message: best.encoding === 'bech32' ? 'Invalid Bech32 checksum' : 'Invalid Bech32m checksum',
    positions: best.positions,
  };
}

/** A witness program as an address: version 0 by Bech32, others by Bech32m (BIP350). */
export function encodeSegwitAddress(hrp: string, version: number, program: Uint8Array): string {
  const groups = bytesToGroups(program);
  const data = new Uint8Array(1 + groups.length);
  data[0] = version;
  data.set(groups, 1);
  return encodeBech32(version === 0 ? 'bech32' : 'bech32m', hrp, data);
}

/** 8-bit to 5-bit values, the last one padded with zero bits. */
export function bytesToGroups(bytes: Uint8Array): Uint8Array {
  const groups = new Uint8Array(Math.ceil((bytes.length * 8) / 5));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      groups[at++] = (pending >>> bits) & 31;
    }
    pending &= (1 << bits) - 1;
  }
  if (bits > 0) groups[at] = (pending << (5 - bits)) & 31;
  return groups;
}

/** 5-bit to 8-bit values; undefined when the padding is longer than four bits or not zero. */
export function groupsToBytes(groups: Uint8Array): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((groups.length * 5) / 8));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (const group of groups) {
    pending = (pending << 5) | group;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = pending >>> bits;
    }
    pending &= (1 << bits) - 1;
  }
  return bits < 5 && pending === 0 ? bytes : undefined;
}

/** Indices of characters outside 33–126, and of letters whose case differs from the first letter's. */
function wrongCharacters(text: string): number[] {
  const wrong: number[] = [];
  let lower = false;
  let upper = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x61 && code <= 0x7a) {
      if (upper) wrong.push(i);
      else lower = true;
    } else if (code >= 0x41 && code <= 0x5a) {
      if (lower) wrong.push(i);
      else upper = true;
    } else if (code < 33 || code > 126) wrong.push(i);
  }
  return wrong;
}

/** The parts of `text`, or why there are none; a number is the index of a character that no value has. */
function split(
  text: string,
): { readonly hrp: string; readonly values: Uint8Array } | 'no separator' | 'misplaced separator' | number {
  const at = text.lastIndexOf(SEPARATOR);
  if (at < 0) return 'no separator';
  if (at === 0 || at + CHECKSUM_LENGTH >= text.length) return 'misplaced separator';
  const lower = text.toLowerCase();
  const values = new Uint8Array(text.length - 1 - at);
  for (let i = 0; i < values.length; i += 1) {
    const value = charValue[lower.charCodeAt(at + 1 + i)]!;
    if (value < 0) return at + 1 + i;
    values[i] = value;
  }
  return { hrp: lower.slice(0, at), values };
}

function remainderOf(hrp: string, values: Uint8Array): number {
  let remainder = 1;
  for (let i = 0; i < hrp.length; i += 1) remainder = step(remainder, hrp.charCodeAt(i) >> 5);
  remainder = step(remainder, 0);
  for (let i = 0; i < hrp.length; i += 1) remainder = step(remainder, hrp.charCodeAt(i) & 31);
  for (const value of values) remainder = step(remainder, value);
  return remainder;
}

/** remainder·x + value, modulo the generator. */
function step(remainder: number, value: number): number {
  const top = remainder >>> 25;
  remainder = ((remainder & 0x1ff_ffff) << 5) ^ value;
  for (let i = 0; i < 5; i += 1) if ((top >>> i) & 1) remainder ^= GENERATOR[i]!;
  return remainder;
}

/** The one or two places, counted from the right, whose change makes `residue`; empty when more are wrong. */
function explain(residue: number, length: number): number[] {
  const placeOf = new Map<number, number>();
  for (let value = 1; value < 32; value += 1) {
    let effect = value;
    for (let place = 0; place < length; place += 1) {
      placeOf.set(effect, place);
      effect = step(effect, 0);
    }
  }
  const single = placeOf.get(residue);
  if (single !== undefined) return [single];
  for (const [effect, place] of placeOf) {
    const other = placeOf.get(residue ^ effect);
    if (other !== undefined && other !== place) return [place, other];
  }
  return [];
}
