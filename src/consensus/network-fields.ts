/**
 * Reading a network file strictly: every field has one type and a range, none may be missing, none is unknown, and
 * whatever is wrong is told with the field's place in the file.
 */
import { bytesToHex, type Hash256, hexToBytes, hexToHash, isHex } from '../base/bytes.ts';

/** The file cannot describe a chain. The message names the field. */
export class NetworkFileError extends Error {
  override readonly name = 'NetworkFileError';
}

const HASH_BYTES = 32;

/** One object of the file. Each method takes one of its fields; `finish` refuses what nobody has taken. */
export class Fields {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #taken = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new NetworkFileError(`${path} is not an object`);
    }
    this.path = path;
    this.#values = value as Record<string, unknown>;
  }

  names(): string[] {
    return Object.keys(this.#values);
  }

  #take(name: string): unknown {
    this.#taken.add(name);
    if (!Object.hasOwn(this.#values, name)) throw new NetworkFileError(`${this.path}.${name} is missing`);
    return this.#values[name];
  }

  fail(name: string, problem: string): never {
    throw new NetworkFileError(`${this.path}.${name} ${problem}`);
  }

  isNull(name: string): boolean {
    return this.#take(name) === null;
  }

  text(name: string): string {
    const value = this.#take(name);
    return typeof value === 'string' ? value : this.fail(name, 'is not a text');
  }

  flag(name: string): boolean {
    const value = this.#take(name);
    return typeof value === 'boolean' ? value : this.fail(name, 'is neither true nor false');
  }

  integer(name: string, min: number, max: number): number {
    const value = this.#take(name);
    const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
    return fits ? value : this.fail(name, `is not a whole number from ${min} to ${max}`);
  }

  decimal(name: string): number {
    const value = this.#take(name);
    return typeof value === 'number' && value >= 0 ? value : this.fail(name, 'is not a number from 0 on');
  }

  /** `length` undefined: any number of bytes. */
  hex(name: string, length?: number): Uint8Array {
    const value = this.#take(name);
    if (typeof value !== 'string' || !isHex(value) || (length !== undefined && value.length !== length * 2)) {
      return this.fail(name, length === undefined ? 'is not hexadecimal' : `is not ${length} bytes in hex`);
    }
    return hexToBytes(value);
  }

  /** As people read it: the last byte first. */
  hash<T extends Hash256>(name: string): T {
    return hexToHash<T>(bytesToHex(this.hex(name, HASH_BYTES)));
  }

  number256(name: string): bigint {
    return BigInt(`0x${bytesToHex(this.hex(name, HASH_BYTES))}`);
  }

  texts(name: string): readonly string[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || !value.every(item => typeof item === 'string')) {
      return this.fail(name, 'is not a list of texts');
    }
    return value;
  }

  object(name: string): Fields {
    return new Fields(this.#take(name), `${this.path}.${name}`);
  }

  objects(name: string): readonly Fields[] {
    const value = this.#take(name);
    if (!Array.isArray(value)) return this.fail(name, 'is not a list');
    return value.map((item, i) => new Fields(item, `${this.path}.${name}[${i}]`));
  }

  finish(): void {
    for (const name of this.names()) if (!this.#taken.has(name)) this.fail(name, 'is not a known field');
  }
}
