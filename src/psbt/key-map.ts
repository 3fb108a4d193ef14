/**
 * The key-value maps that PSBTs are made of (BIP174), declared once: a field tells its type, its name in errors, how its
 * keys and values are read and written, and what becomes of it when two maps of one transaction are merged. The order
 * of a table is the order in which Core writes (src/psbt.h). Bad input throws DecodeError with Core's texts.
 */
import { bytesToBinary, bytesToHex } from '../base/bytes.ts';
import { type Codec, DecodeError, Reader, Writer } from '../wire/codec.ts';

/** One kind of entry. `T` is what all entries of its type together are: a value that may be absent, or a map. */
export interface Field<T> {
  /** Undefined: takes whatever has no field of its own. */
  readonly type: number | undefined;
  /** Written only while nothing is final. */
  readonly isOpenOnly: boolean;
  /** How a version 0 PSBT that has it is refused; a field of version 2 then. */
  readonly refusalInV0: string | undefined;
  empty(): T;
  /** `key` is the whole key, its type included; the reader stands before the value. */
  read(known: T, key: Uint8Array, r: Reader): T;
  write(w: Writer, value: T): void;
  merge(own: T, other: T): T;
}

type FieldTable = Readonly<Record<string, Field<unknown>>>;
/** What a table's map holds. */
export type MapOf<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

interface FieldOptions {
  readonly isOpenOnly?: true;
  readonly refusalInV0?: string;
}

/** At most one value, and no data in its key. */
export function single<T>(
  type: number,
  name: string,
  value: Codec<T>,
  options: FieldOptions & {
    /** What counts as absent although it is there. */
    readonly isNull?: (value: T) => boolean;
    /** Two values never come together; the first PSBT's stays. */
    readonly merges?: 'never';
  } = {},
): Field<T | undefined> {
  const { isOpenOnly = false, refusalInV0, isNull = () => false, merges } = options;
  return {
    type,
    isOpenOnly,
    refusalInV0,
    empty: () => undefined,
    read(_known, key, r) {
      requireKeySize(name, key, 1);
      const read = value.read(r);
      return isNull(read) ? undefined : read;
    },
    write(w, known) {
      if (known === undefined) return;
      writeKey(w, type, new Uint8Array(0));
      value.write(w, known);
    },
    merge: (own, other) => (merges === 'never' ? own : (own ?? other)),
  };
}

/** Any number of values, told apart by the data of their keys; by those as characters in the map. */
export function keyed<E>(
  type: number,
  format: {
    /** Throws DecodeError for a key that is not of this type; `key` includes the type. */
    checkKey(key: Uint8Array): void;
    /** `data` is what follows the type in the key. */
    read(data: Uint8Array, r: Reader): E;
    write(w: Writer, entry: E): void;
    /** What Core sorts by, if not by the data of the key. */
    readonly order?: (entry: E, data: string) => string;
  },
  options: FieldOptions = {},
): Field<ReadonlyMap<string, E>> {
  const { isOpenOnly = false, refusalInV0 } = options;
  const { order } = format;
  return {
    type,
    isOpenOnly,
    refusalInV0,
    empty: () => new Map(),
    read(known, key, r) {
      format.checkKey(key);
      const data = key.subarray(1);
      // Fresh from `empty`: nobody else sees it yet.
      return (known as Map<string, E>).set(bytesToBinary(data), format.read(data, r));
    },
    write(w, known) {
      for (const [data, entry] of sorted(known, order)) {
        writeKey(
          w,
          type,
          Uint8Array.from(data, character => character.charCodeAt(0)),
        );
        format.write(w, entry);
      }
    },
    merge: (own, other) => (other.size === 0 ? own : new Map([...other, ...own])),
  };
}

/** What nobody knows: kept as it came, by whole key. */
export const unknownFields: Field<ReadonlyMap<string, Uint8Array>> = {
  type: undefined,
  isOpenOnly: false,
  refusalInV0: undefined,
  empty: () => new Map(),
  read: (known, key, r) =>
    (known as Map<string, Uint8Array>).set(bytesToBinary(key), r.take(r.compactSize())),
  write(w, known) {
    for (const [key, value] of sorted(known, undefined)) {
      putWithLength(
        w,
        Uint8Array.from(key, character => character.charCodeAt(0)),
      );
      putWithLength(w, value);
    }
  },
  merge: (own, other) => (other.size === 0 ? own : new Map([...other, ...own])),
};

/** What is read from a `KeyMap`. */
export type MapFrom<M> = M extends { empty(): infer T } ? T : never;

export interface KeyMap<F> {
  empty(): MapOf<F>;
  /** Up to the separator. `version` is that of the PSBT; undefined where it is not known yet. */
  read(r: Reader, version: number | undefined, known?: Partial<MapOf<F>>): MapOf<F>;
  /** With the separator. `skips` tells what is left out. */
  write(w: Writer, value: MapOf<F>, skips: (field: Field<unknown>) => boolean): void;
  merge(own: MapOf<F>, other: MapOf<F>): MapOf<F>;
}

/** `name` is how errors call the map: 'input'. */
export function keyMap<F extends FieldTable>(
  name: string,
  article: 'a' | 'an' | 'the',
  fields: F,
): KeyMap<F> {
  const entries = Object.entries(fields) as [string, Field<unknown>][];
  const byType = new Map(entries.map(([field, codec]) => [codec.type, [field, codec] as const]));
  const build = (make: (field: string, codec: Field<unknown>) => unknown) =>
    Object.fromEntries(entries.map(([field, codec]) => [field, make(field, codec)])) as MapOf<F>;
  const empty = () => build((_, codec) => codec.empty());
  return {
    empty,
    read(r, version, known) {
      const value = { ...empty(), ...known } as Record<string, unknown>;
      const seen = new Set<string>();
      for (;;) {
        if (r.remaining === 0) {
          throw new DecodeError(`Separator is missing at the end of ${article} ${name} map`);
        }
        const key = r.take(r.compactSize());
        if (key.length === 0) return value as MapOf<F>;
        const keyText = bytesToBinary(key);
        if (seen.has(keyText)) {
          throw new DecodeError(`Duplicate Key, ${name} key "${bytesToHex(key)}" already provided`);
        }
        seen.add(keyText);
        const type = new Reader(key).compactSize();
        const [field, codec] = byType.get(type) ?? byType.get(undefined)!;
        if (codec.refusalInV0 !== undefined && version === 0) {
          if (key.length === 1) throw new DecodeError(codec.refusalInV0);
        }
        value[field] = codec.read(value[field], key, r);
      }
    },
    write(w, value, skips) {
      const values = value as Record<string, unknown>;
      for (const [field, codec] of entries) if (!skips(codec)) codec.write(w, values[field]);
      w.u8(0);
    },
    merge(own, other) {
      const [a, b] = [own, other] as Record<string, unknown>[];
      return build((field, codec) => codec.merge(a![field], b![field]));
    },
  };
}

/** A value whose length must be what was stated, read by `codec`. */
export function stated<T>(codec: Codec<T>): Codec<T> {
  return {
    read(r) {
      const length = r.compactSize();
      const { remaining } = r;
      const value = codec.read(r);
      if (r.remaining + length !== remaining) throw new DecodeError('Size of value was not the stated size');
      return value;
    },
    write(w, value) {
      writeStated(w, inner => codec.write(inner, value));
    },
  };
}

/** Writes what `write` writes behind its length. */
export function writeStated(w: Writer, write: (inner: Writer) => void): void {
  const inner = new Writer();
  write(inner);
  putWithLength(w, inner.finish());
}

export function putWithLength(w: Writer, bytes: Uint8Array): void {
  w.compactSize(bytes.length);
  w.put(bytes);
}

export function requireKeySize(name: string, key: Uint8Array, bytes: number): void {
  if (key.length !== bytes) throw new DecodeError(`Size of key was not ${bytes} for the type ${name}`);
}

/** The entries of a field in the order in which Core writes and shows them. */
export function sorted<E>(
  entries: ReadonlyMap<string, E>,
  order: ((entry: E, data: string) => string) | undefined,
): [string, E][] {
  const keyOf = ([data, entry]: [string, E]) => (order === undefined ? data : order(entry, data));
  return [...entries].sort((a, b) => {
    const [left, right] = [keyOf(a), keyOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}

function writeKey(w: Writer, type: number, data: Uint8Array): void {
  w.compactSize(1 + data.length);
  w.u8(type);
  w.put(data);
}
