/**
 * What a method reads: the arguments of one call by their declared names, and the conversions from JSON to the values
 * that methods work with (Core: rpc/util.cpp). How a call's arguments get here is bind-arguments.ts.
 */

import { assert } from '../base/assert.ts';
import { type Hash256, hexToBytes, hexToHash, isHex } from '../base/bytes.ts';
import { RpcCode, RpcError } from './codes.ts';
import {
  expectType,
  type IntegerType,
  JsonNumber,
  type JsonType,
  type JsonValue,
  jsonType,
  ParsedObject,
  toBigInteger,
  toInteger,
  toReal,
} from './json.ts';
import { type Param, paramNames } from './param.ts';

/** The arguments of one call, by the names of the declaration (the first of aliases). */
export class Arguments {
  readonly #params: readonly Param[];
  readonly #values: readonly JsonValue[];

  constructor(params: readonly Param[], values: readonly JsonValue[]) {
    this.#params = params;
    this.#values = values;
  }

  /** How many were given, nulls included. */
  get count(): number {
    return this.#values.length;
  }

  /** As given, else the declared default, else undefined. Null counts as not given. */
  get(name: string): JsonValue | undefined {
    const at = this.#params.findIndex(param => paramNames(param)[0] === name);
    assert(at >= 0, `${name} is a declared argument`);
    const value = this.#values[at] ?? null;
    if (value !== null) return value;
    const fallback = this.#params[at]!.default;
    return typeof fallback === 'number' ? new JsonNumber(String(fallback)) : fallback;
  }

  /** Whether there is a value, be it the declared default. */
  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Whether the caller gave a value. */
  isGiven(name: string): boolean {
    const at = this.#params.findIndex(param => paramNames(param)[0] === name);
    return (this.#values[at] ?? null) !== null;
  }

  string(name: string): string {
    return expectType(this.get(name), 'string');
  }

  optionalString(name: string): string | undefined {
    return this.has(name) ? this.string(name) : undefined;
  }

  boolean(name: string): boolean {
    return expectType(this.get(name), 'bool');
  }

  optionalBoolean(name: string): boolean | undefined {
    return this.has(name) ? this.boolean(name) : undefined;
  }

  integer(name: string, type: IntegerType = 'i32'): number {
    return toInteger(this.get(name), type);
  }

  optionalInteger(name: string, type: IntegerType = 'i32'): number | undefined {
    return this.has(name) ? this.integer(name, type) : undefined;
  }

  bigInteger(name: string, type: IntegerType): bigint {
    return toBigInteger(this.get(name), type);
  }

  real(name: string): number {
    return toReal(this.get(name));
  }

  array(name: string): readonly JsonValue[] {
    return expectType(this.get(name), 'array');
  }

  object(name: string): ParsedObject {
    return expectType(this.get(name), 'object');
  }

  /** An options object, read as arguments by the names of its declared members. */
  options(name: string): Arguments {
    const given = this.get(name);
    return this.optionsFrom(name, given === undefined ? new ParsedObject([]) : expectType(given, 'object'));
  }

  /** The same of an object that took in more than was given there. */
  optionsFrom(name: string, object: ParsedObject): Arguments {
    const fields = this.#params.find(param => paramNames(param)[0] === name)?.fields ?? [];
    const memberOf = (field: Param) => {
      const alias = paramNames(field).find(candidate => object.has(candidate));
      return alias === undefined ? null : object.get(alias)!;
    };
    return new Arguments(fields, fields.map(memberOf));
  }

  /** 64 hexadecimal digits in the order people read; `shown` is what messages call the argument. */
  hash<T extends Hash256>(name: string, shown = name): T {
    return toHash<T>(this.get(name), shown);
  }

  bytes(name: string): Uint8Array {
    return toBytes(this.get(name), name);
  }

  /** Satoshi. */
  amount(name: string): bigint {
    return toAmount(this.get(name));
  }

  /** 0 is least; a boolean counts as 0 or 1 where `booleans` are allowed (Core: ParseVerbosity). */
  verbosity(
    name: string,
    rule: { readonly fallback: number; readonly booleans: 'allowed' | 'refused' },
  ): number {
    const value = this.get(name);
    if (value === undefined) return rule.fallback;
    if (typeof value !== 'boolean') return toInteger(value);
    if (rule.booleans === 'refused') {
      throw new RpcError(RpcCode.TYPE_ERROR, 'Verbosity was boolean but only integer allowed');
    }
    return value ? 1 : 0;
  }
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}

/** 64 hexadecimal digits to a hash; `name` is for the message (Core: ParseHashV). */
export function toHash<T extends Hash256>(value: JsonValue | undefined, name: string): T {
  const hex = expectType(value, 'string');
  if (hex.length !== 64) {
    const length = Buffer.byteLength(hex);
    if (length !== 64) invalid(`${name} must be of length 64 (not ${length}, for '${hex}')`);
  }
  if (!isHex(hex)) invalid(`${name} must be hexadecimal string (not '${hex}')`);
  return hexToHash<T>(hex);
}

/** Core: ParseHexV. An empty string is no hexadecimal string there. */
export function toBytes(value: JsonValue | undefined, name: string): Uint8Array {
  const hex = typeof value === 'string' ? value : '';
  if (hex === '' || !isHex(hex)) invalid(`${name} must be hexadecimal string (not '${hex}')`);
  return hexToBytes(hex);
}

/** Most satoshi that can exist (Core: MAX_MONEY). */
const MONEY_MAX = 2_100_000_000_000_000n;
/** Decimals of a bitcoin. */
const AMOUNT_DECIMALS = 8;

/** A number or string of at most `decimals` decimals, exponent allowed, in units of the last one (Core: AmountFromValue). */
export function toAmount(value: JsonValue | undefined, decimals: number = AMOUNT_DECIMALS): bigint {
  if (typeof value !== 'string' && !(value instanceof JsonNumber)) {
    throw new RpcError(RpcCode.TYPE_ERROR, 'Amount is not a number or string');
  }
  const units = parseFixedPoint(typeof value === 'string' ? value : value.text, decimals);
  if (units === undefined) throw new RpcError(RpcCode.TYPE_ERROR, 'Invalid amount');
  if (units < 0n || units > MONEY_MAX) throw new RpcError(RpcCode.TYPE_ERROR, 'Amount out of range');
  return units;
}

/** Largest magnitude that Core's parser takes. */
const FIXED_POINT_MAX = 999_999_999_999_999_999n;

/** JSON's grammar of numbers; undefined when more decimals than `decimals` matter or it is too large (Core: ParseFixedPoint). */
export function parseFixedPoint(text: string, decimals: number): bigint | undefined {
  const match = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole, fraction = '', exponentText = '0'] = match;
  // Trailing zeros are neither digits nor decimals that count.
  const digits = `${whole}${fraction}`.replace(/0+$/, '');
  if (digits === '' || /^0*$/.test(digits)) return 0n;
  const exponent = Number(exponentText) + whole!.length - digits.length + decimals;
  if (exponent < 0 || exponent >= 18) return undefined;
  const magnitude = BigInt(digits) * 10n ** BigInt(exponent);
  if (magnitude > FIXED_POINT_MAX) return undefined;
  return sign === '-' ? -magnitude : magnitude;
}

/** Types by member name; `any` takes all. */
export type FieldTypes = Readonly<Record<string, JsonType | 'any'>>;

/** Checks members of an object: `nulls` tells whether absent ones pass, `strict` refuses unknown ones (Core: RPCTypeCheckObj). */
export function checkFields(
  object: ParsedObject,
  types: FieldTypes,
  rule: { readonly nulls?: 'allowed'; readonly strict?: true } = {},
): void {
  // Core walks a sorted map, so that is the order in which mistakes are told.
  for (const name of Object.keys(types).sort()) {
    const value = object.get(name) ?? null;
    const type = types[name]!;
    if (value === null && !rule.nulls) throw new RpcError(RpcCode.TYPE_ERROR, `Missing ${name}`);
    if (type === 'any' || value === null || jsonType(value) === type) continue;
    throw new RpcError(
      RpcCode.TYPE_ERROR,
      `JSON value of type ${jsonType(value)} for field ${name} is not of expected type ${type}`,
    );
  }
  if (!rule.strict) return;
  for (const key of object.keys) {
    if (!Object.hasOwn(types, key)) throw new RpcError(RpcCode.TYPE_ERROR, `Unexpected key ${key}`);
  }
}

/** Indices of a descriptor at most, and how many at once (BIP32; Core: ParseDescriptorRange). */
const RANGE_END_MAX = 0x7fff_ffff;
const RANGE_LENGTH_MAX = 1_000_000;

/** An end, or [begin, end], both counted; throws RpcError −8. */
export function toRange(value: JsonValue | undefined): readonly [begin: number, end: number] {
  const [begin, end] = rangeEnds(value);
  if (begin < 0n) invalid('Range should be greater or equal than 0');
  if (end > BigInt(RANGE_END_MAX) || end < 0n) invalid('End of range is too high');
  if (end >= begin + BigInt(RANGE_LENGTH_MAX)) invalid('Range is too large');
  return [Number(begin), Number(end)];
}

function rangeEnds(value: JsonValue | undefined): readonly [bigint, bigint] {
  if (value instanceof JsonNumber) return [0n, toBigInteger(value, 'i64')];
  if (Array.isArray(value) && value.length === 2 && value.every(end => end instanceof JsonNumber)) {
    const [begin, end] = [toBigInteger(value[0], 'i64'), toBigInteger(value[1], 'i64')];
    if (begin > end) invalid('Range specified as [begin,end] must not have begin after end');
    return [begin, end];
  }
  invalid('Range must be specified as end or as [begin,end]');
}
