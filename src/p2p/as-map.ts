/**
 * Which autonomous system an address belongs to (Core: src/util/asmap.cpp), read from a file as `-asmap` names it. Whoever
 * runs one network may own many /16 of IPv4; by systems they are one group, so that it gets one slot.
 *
 * The file is a program in bits, the lowest of a byte first, that walks down a trie of the address's bits: RETURN a number,
 * JUMP over so many bits of the program if the next bit is one, MATCH several bits or end, and DEFAULT, the number that a
 * failed MATCH ends with. Numbers are written in classes of more and more bits. A file is walked through once before it is
 * used, along every way that an address may take, so that a lookup never fails.
 */
import { assert } from '../base/assert.ts';
import type { Hash256 } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { DecodeError } from '../wire/codec.ts';

type Opcode = 'return' | 'jump' | 'match' | 'default';
const OPCODES: readonly Opcode[] = ['return', 'jump', 'match', 'default'];

/** A number: the least one, and the bits of each class. */
interface NumberForm {
  readonly least: number;
  readonly classes: readonly number[];
}
const OPCODE: NumberForm = { least: 0, classes: [0, 0, 1] };
const SYSTEM: NumberForm = { least: 1, classes: range(15, 24) };
/** The highest bit tells how many come after it: these are to be matched. */
const PATTERN: NumberForm = { least: 2, classes: range(1, 8) };
const DISTANCE: NumberForm = { least: 17, classes: range(5, 30) };

/** IPv4 is looked up as IPv6. */
const ADDRESS_BITS = 128;
const PADDING_BITS_MAX = 7;
const WHOLE_PATTERN_BITS = 8;

/** What is no number: the program ends within it. */
class EndOfMap extends Error {}

export class AsMap {
  readonly #bytes: Uint8Array;
  /** Double SHA-256 of the file: tells one map from another. */
  readonly version: Hash256;

  /** Throws DecodeError for what no address can be looked up in. */
  constructor(bytes: Uint8Array) {
    checkProgram(bytes);
    this.#bytes = bytes;
    this.version = sha256d(bytes);
  }

  /** Of an address in 16 bytes; 0 where none is known. */
  systemOf(address: Uint8Array): number {
    const program = new Bits(this.#bytes);
    let taken = 0;
    const next = () => {
      const bit = (address[taken >> 3]! >> (7 - (taken & 7))) & 1;
      taken += 1;
      return bit;
    };
    let otherwise = 0;
    for (;;) {
      const opcode = readOpcode(program);
      if (opcode === 'return') return program.number(SYSTEM);
      if (opcode === 'default') otherwise = program.number(SYSTEM);
      else if (opcode === 'jump') {
        const distance = program.number(DISTANCE);
        if (next() === 1) program.position += distance;
      } else {
        const pattern = program.number(PATTERN);
        for (let bit = lengthOf(pattern) - 1; bit >= 0; bit -= 1)
          if (next() !== ((pattern >> bit) & 1)) return otherwise;
      }
      assert(taken <= ADDRESS_BITS, 'a checked map never asks for more than the address has');
    }
  }
}

class Bits {
  readonly #bytes: Uint8Array;
  readonly length: number;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.length = 8 * bytes.length;
  }

  /** Throws EndOfMap. */
  bit(): number {
    if (this.position >= this.length) throw new EndOfMap();
    const bit = (this.#bytes[this.position >> 3]! >> (this.position & 7)) & 1;
    this.position += 1;
    return bit;
  }

  /** A one for each class that it is beyond, a zero unless it is of the last, and its place in the class. Throws EndOfMap. */
  number({ least, classes }: NumberForm): number {
    let value = least;
    for (const [i, bits] of classes.entries()) {
      if (i < classes.length - 1 && this.bit() === 1) {
        value += 2 ** bits;
        continue;
      }
      for (let left = bits - 1; left >= 0; left -= 1) value += this.bit() * 2 ** left;
      break;
    }
    return value;
  }
}

function readOpcode(program: Bits): Opcode {
  return OPCODES[program.number(OPCODE)]!;
}

/** Bits of an address that a pattern is compared with. */
function lengthOf(pattern: number): number {
  return 31 - Math.clz32(pattern);
}

/** Core: SanityCheckAsmap. Also refused is what could be said in fewer bits, so that there is one file for each map. */
function checkProgram(bytes: Uint8Array): void {
  try {
    walk(new Bits(bytes));
  } catch (error) {
    if (!(error instanceof EndOfMap)) throw error;
    throw new DecodeError('An AS map that ends within an instruction');
  }
}

function walk(program: Bits): void {
  /** Where ways go on that begin with a jump, the nearest last, and how many bits of the address are left there. */
  const open: { readonly at: number; readonly left: number }[] = [];
  let left = ADDRESS_BITS;
  let before: Opcode = 'jump';
  let hadShortMatch = false;
  const require = (holds: boolean, what: string) => {
    if (!holds) throw new DecodeError(`An AS map with ${what}`);
  };
  for (;;) {
    const nearest = open.at(-1);
    require(nearest === undefined ||
      program.position < nearest.at, 'a jump into the middle of an instruction');
    const opcode = readOpcode(program);
    if (opcode === 'return') {
      require(before !== 'default', 'a default that is returned at once');
      program.number(SYSTEM);
      if (nearest === undefined) break;
      require(program.position === nearest.at, 'code that nothing leads to');
      open.pop();
      left = nearest.left;
      before = 'jump';
      continue;
    }
    if (opcode === 'jump') {
      const distance = program.number(DISTANCE);
      require(distance <= program.length - program.position, 'a jump past its end');
      require(left > 0, 'more branches than an address has bits');
      left -= 1;
      const at = program.position + distance;
      require(nearest === undefined || at < nearest.at, 'jumps that cross');
      open.push({ at, left });
    } else if (opcode === 'match') {
      const length = lengthOf(program.number(PATTERN));
      if (before !== 'match') hadShortMatch = false;
      require(length === WHOLE_PATTERN_BITS || !hadShortMatch, 'two short matches in a row');
      hadShortMatch = length < WHOLE_PATTERN_BITS;
      require(left >= length, 'more to match than an address has bits');
      left -= length;
    } else {
      require(before !== 'default', 'two defaults in a row');
      program.number(SYSTEM);
    }
    before = opcode;
  }
  require(program.length - program.position <= PADDING_BITS_MAX, 'bytes behind its end');
  while (program.position < program.length) require(program.bit() === 0, 'padding that is not zero');
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
