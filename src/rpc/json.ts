/**
 * JSON values as the RPC interface needs them, after Core's univalue: a number keeps its text (amounts and 64-bit
 * integers are not doubles), an object keeps the order of its members and duplicates among them. Parsing is in
 * json-parse.ts, writing in json-write.ts.
 */
import { RpcCode, RpcError } from './codes.ts';

/** A number by its text, which follows JSON's grammar. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Members in order; a name may occur twice, and then the first counts. */
export class JsonObject {
  readonly members: readonly (readonly [name: string, value: JsonOut])[];

  constructor(members: readonly (readonly [name: string, value: JsonOut])[]) {
    this.members = members;
  }
}

/** An object that was parsed: the same, of values that were. */
export class ParsedObject {
  readonly members: readonly (readonly [name: string, value: JsonValue])[];

  constructor(members: readonly (readonly [name: string, value: JsonValue])[]) {
    this.members = members;
  }

  get(name: string): JsonValue | undefined {
    return this.members.find(([key]) => key === name)?.[1];
  }

  has(name: string): boolean {
    return this.members.some(([key]) => key === name);
  }

  get keys(): string[] {
    return this.members.map(([key]) => key);
  }
}

/** An object whose members keep their order, rather than a record. */
export function hasMembers(value: unknown): value is JsonObject | ParsedObject {
  return value instanceof JsonObject || value instanceof ParsedObject;
}

/** What was read. */
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | ParsedObject;

/**
 * What can be written. A `number` is written as an integer when it is a safe one, otherwise with 16 significant digits;
 * amounts need `amount`. Members that are undefined are left out. Objects with keys that look like integers need JsonObject.
 */
export type JsonOut =
  | undefined
  | null
  | boolean
  | string
  | number
  | bigint
  | JsonNumber
  | JsonObject
  | ParsedObject
  | readonly JsonOut[]
  | { readonly [name: string]: JsonOut };

const SATOSHI_PER_BITCOIN = 100_000_000n;

/** Satoshi as Core writes amounts: bitcoin with exactly eight decimals (core_io.cpp ValueFromAmount). */
export function amount(satoshi: number | bigint): JsonNumber {
  const value = BigInt(satoshi);
  const magnitude = value < 0n ? -value : value;
  const decimals = (magnitude % SATOSHI_PER_BITCOIN).toString().padStart(8, '0');
  return new JsonNumber(`${value < 0n ? '-' : ''}${magnitude / SATOSHI_PER_BITCOIN}.${decimals}`);
}

export type JsonType = 'null' | 'bool' | 'object' | 'array' | 'string' | 'number';

/** The type's name as Core's messages have it. */
export function jsonType(value: JsonValue | undefined): JsonType {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value instanceof JsonNumber) return 'number';
  return value instanceof ParsedObject ? 'object' : 'array';
}

interface TypeOf {
  null: null;
  bool: boolean;
  object: ParsedObject;
  array: readonly JsonValue[];
  string: string;
  number: JsonNumber;
}

/** `value`, if it has `type`; throws RpcError −3 otherwise. */
export function expectType<T extends JsonType>(value: JsonValue | undefined, type: T): TypeOf[T] {
  if (jsonType(value) !== type) {
    throw new RpcError(
      RpcCode.TYPE_ERROR,
      `JSON value of type ${jsonType(value)} is not of expected type ${type}`,
    );
  }
  return value as TypeOf[T];
}

const INTEGER_RANGES = {
  i32: [-0x8000_0000n, 0x7fff_ffffn],
  u32: [0n, 0xffff_ffffn],
  u16: [0n, 0xffffn],
  u8: [0n, 0xffn],
  i64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
  u64: [0n, 0xffff_ffff_ffff_ffffn],
} as const;
export type IntegerType = keyof typeof INTEGER_RANGES;

/** Throws RpcError −3 for another type and −1 for a number that is no integer or does not fit (univalue getInt). */
export function toBigInteger(value: JsonValue | undefined, type: IntegerType): bigint {
  const { text } = expectType(value, 'number');
  const [min, max] = INTEGER_RANGES[type];
  if (/^-?\d+$/.test(text)) {
    const integer = BigInt(text);
    if (integer >= min && integer <= max && !(min === 0n && text.startsWith('-'))) return integer;
  }
  throw new RpcError(RpcCode.MISC_ERROR, 'JSON integer out of range');
}

/** As `toBigInteger`; an integer of 64 bits beyond the safe ones is rounded. */
export function toInteger(value: JsonValue | undefined, type: IntegerType = 'i32'): number {
  return Number(toBigInteger(value, type));
}

/** Throws RpcError −3 for another type, −1 when out of a double's range. */
export function toReal(value: JsonValue | undefined): number {
  const real = Number(expectType(value, 'number').text);
  if (!Number.isFinite(real)) throw new RpcError(RpcCode.MISC_ERROR, 'JSON double out of range');
  return real;
}
