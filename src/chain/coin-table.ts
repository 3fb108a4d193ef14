/**
 * A hash table from outpoints to coins in typed arrays: a row of 88 bytes an entry, and an index of row numbers with open
 * addressing. About a hundred bytes of process memory a coin, and nothing for the garbage collector to walk through.
 *
 * A row begins with the outpoint as it goes over the wire, so that one is looked up where it lies in its transaction. It
 * holds the amount, height and coinbase bit, flags and length of the script, and
 * the script itself if it is one of the usual ones. Longer scripts lie beside the table. Rows come in chunks, so that
 * growing copies none of them but the first small ones.
 */
import { OUTPOINT_BYTES, u32At } from '../wire/tx-cursors.ts';
import type { Coin } from './coin.ts';

/** Words of a row, by offset. The outpoint comes first. */
const OUTPOINT_WORDS = OUTPOINT_BYTES / 4;
const VALUE_LOW = 9;
const VALUE_HIGH = 10;
/** Height times two, plus one for a coinbase's. */
const CODE = 11;
/** Flags in the low byte, length of the script above. */
const STATE = 12;
const SCRIPT = 13;
const ROW_WORDS = 22;
const ROW_BYTES = ROW_WORDS * 4;
/** What fits into a row: every standard script but bare keys and bare multisig. */
const SCRIPT_BYTES_MAX = (ROW_WORDS - SCRIPT) * 4;

const FLAGS_MASK = 0x7f;
/** Beside the flags: the row is in use. */
const IN_USE = 0x80;
const CHUNK_ROWS = 1 << 15;
const CHUNK_SHIFT = 15;
/** Small: a simulated world has thousands of tables. */
const ROWS_INITIAL = 16;
/** Of the index, as a part of its slots. */
const LOAD_MAX = 0.7;
/** Map entry, typed array and its buffer, besides the bytes (measured). */
const LONG_SCRIPT_OVERHEAD_BYTES = 200;

/** What a coin is besides its script. */
export type CoinFacts = Omit<Coin, 'scriptPubKey'>;

/** Where a script lies: an output's cursor is one. */
export interface ScriptPlace {
  readonly bytes: Uint8Array;
  readonly scriptStart: number;
  readonly scriptEnd: number;
}

interface Chunk {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

export class CoinTable {
  readonly #salt: number;
  #chunks: Chunk[] = [createChunk(ROWS_INITIAL)];
  /** Row + 1, or 0. */
  #slots = new Int32Array(ROWS_INITIAL * 2);
  /** Rows that were ever used: those from here on are new. */
  #rowsUsed = 0;
  readonly #free: number[] = [];
  #size = 0;
  readonly #longScripts = new Map<number, Uint8Array>();
  #longScriptBytes = 0;

  /** `salt`: a number that nobody else knows, so that nobody can make outpoints that meet in one place. */
  constructor(salt: number) {
    this.#salt = salt;
  }

  get size(): number {
    return this.#size;
  }

  /** Memory that is taken. */
  get bytes(): number {
    const last = this.#chunks.at(-1)!.bytes.length;
    const rows = (this.#chunks.length - 1) * CHUNK_ROWS * ROW_BYTES + last;
    return rows + this.#slots.byteLength + this.#free.length * 8 + this.#longScriptBytes;
  }

  /** Row of the outpoint that starts at `from`, or −1. Rows keep their number until they are removed. */
  find(outPoint: Uint8Array, from: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const home = this.#hash(u32At(outPoint, from), u32At(outPoint, from + 4), u32At(outPoint, from + 32));
    for (let at = home & mask; ; at = (at + 1) & mask) {
      const row = slots[at]! - 1;
      if (row < 0 || this.#isAt(row, outPoint, from)) return row;
    }
  }

  /** A row for an outpoint that has none; there is no coin in it yet. */
  insert(outPoint: Uint8Array, from: number): number {
    if (this.#size + 1 > this.#slots.length * LOAD_MAX) this.#growSlots();
    const row = this.#free.pop() ?? this.#newRow();
    const { words } = this.#chunkOf(row);
    const start = startOf(row);
    for (let i = 0; i < OUTPOINT_WORDS; i += 1) words[start + i] = u32At(outPoint, from + i * 4);
    words[start + STATE] = IN_USE;
    this.#place(row);
    this.#size += 1;
    return row;
  }

  remove(row: number): void {
    this.clearScript(row);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#homeOf(row) & mask;
    while (slots[hole] !== row + 1) hole = (hole + 1) & mask;
    // Whoever was pushed past the hole moves up into it, so that no search ends too soon.
    for (let at = (hole + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const home = this.#homeOf(slots[at]! - 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = slots[at]!;
      hole = at;
    }
    slots[hole] = 0;
    this.#chunkOf(row).words[startOf(row) + STATE] = 0;
    this.#free.push(row);
    this.#size -= 1;
  }

  flagsOf(row: number): number {
    return this.#chunkOf(row).words[startOf(row) + STATE]! & FLAGS_MASK;
  }

  setFlags(row: number, flags: number): void {
    const { words } = this.#chunkOf(row);
    const at = startOf(row) + STATE;
    words[at] = (words[at]! & ~FLAGS_MASK) | flags;
  }

  /** The coin that was put into the row. */
  coinOf(row: number): Coin {
    const { words, bytes } = this.#chunkOf(row);
    const start = startOf(row);
    const code = words[start + CODE]!;
    const length = words[start + STATE]! >>> 8;
    let scriptPubKey: Uint8Array;
    if (length > SCRIPT_BYTES_MAX) scriptPubKey = this.#longScripts.get(row)!.slice();
    else {
      scriptPubKey = new Uint8Array(length);
      const from = (start + SCRIPT) * 4;
      for (let i = 0; i < length; i += 1) scriptPubKey[i] = bytes[from + i]!;
    }
    const value = words[start + VALUE_HIGH]! * 0x1_0000_0000 + words[start + VALUE_LOW]!;
    return { value, scriptPubKey, height: code >>> 1, isCoinbase: (code & 1) === 1 };
  }

  /** Copies everything into the row. Keeps its flags. */
  setCoin(row: number, { value, height, isCoinbase }: CoinFacts, script: ScriptPlace): void {
    this.clearScript(row);
    const { words, bytes } = this.#chunkOf(row);
    const start = startOf(row);
    const length = script.scriptEnd - script.scriptStart;
    words[start + VALUE_LOW] = value % 0x1_0000_0000;
    words[start + VALUE_HIGH] = value / 0x1_0000_0000;
    words[start + CODE] = height * 2 + (isCoinbase ? 1 : 0);
    words[start + STATE] = (words[start + STATE]! & (FLAGS_MASK | IN_USE)) | (length << 8);
    if (length > SCRIPT_BYTES_MAX) {
      this.#longScripts.set(row, script.bytes.slice(script.scriptStart, script.scriptEnd));
      this.#longScriptBytes += length + LONG_SCRIPT_OVERHEAD_BYTES;
      return;
    }
    const to = (start + SCRIPT) * 4;
    for (let i = 0; i < length; i += 1) bytes[to + i] = script.bytes[script.scriptStart + i]!;
  }

  /** Of a row whose coin is gone: a long script takes no memory any more. */
  clearScript(row: number): void {
    const { words } = this.#chunkOf(row);
    const at = startOf(row) + STATE;
    const length = words[at]! >>> 8;
    if (length > SCRIPT_BYTES_MAX) {
      this.#longScripts.delete(row);
      this.#longScriptBytes -= length + LONG_SCRIPT_OVERHEAD_BYTES;
    }
    words[at] = words[at]! & (FLAGS_MASK | IN_USE);
  }

  /** Where the row, and so its outpoint, lies: good until the next insertion. */
  bytesOf(row: number): Uint8Array {
    return this.#chunkOf(row).bytes;
  }

  /** Where in these bytes. */
  startOf(row: number): number {
    return startOf(row) * 4;
  }

  /** Every row in use; rows may be removed meanwhile. */
  *rows(): Generator<number, void, void> {
    for (let row = 0; row < this.#rowsUsed; row += 1)
      if ((this.#chunkOf(row).words[startOf(row) + STATE]! & IN_USE) !== 0) yield row;
  }

  /** Gives all memory back. */
  clear(): void {
    this.#chunks = [createChunk(ROWS_INITIAL)];
    this.#slots = new Int32Array(ROWS_INITIAL * 2);
    this.#rowsUsed = 0;
    this.#free.length = 0;
    this.#size = 0;
    this.#longScripts.clear();
    this.#longScriptBytes = 0;
  }

  #isAt(row: number, outPoint: Uint8Array, from: number): boolean {
    const { words } = this.#chunkOf(row);
    const start = startOf(row);
    for (let i = 0; i < OUTPOINT_WORDS; i += 1)
      if (words[start + i] !== u32At(outPoint, from + i * 4)) return false;
    return true;
  }

  #newRow(): number {
    const row = this.#rowsUsed;
    const last = this.#chunks.length - 1;
    const { words } = this.#chunks[last]!;
    const rows = words.length / ROW_WORDS;
    if (row === last * CHUNK_ROWS + rows) {
      if (rows === CHUNK_ROWS) this.#chunks.push(createChunk(CHUNK_ROWS));
      else {
        const larger = createChunk(rows * 2);
        larger.words.set(words);
        this.#chunks[last] = larger;
      }
    }
    this.#rowsUsed += 1;
    return row;
  }

  #chunkOf(row: number): Chunk {
    return this.#chunks[row >>> CHUNK_SHIFT]!;
  }

  #growSlots(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2);
    for (const slot of before) if (slot !== 0) this.#place(slot - 1);
  }

  #place(row: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = this.#homeOf(row) & mask;
    while (slots[at] !== 0) at = (at + 1) & mask;
    slots[at] = row + 1;
  }

  #homeOf(row: number): number {
    const { words } = this.#chunkOf(row);
    const start = startOf(row);
    return this.#hash(words[start]!, words[start + 1]!, words[start + OUTPOINT_WORDS - 1]!);
  }

  #hash(first: number, second: number, index: number): number {
    const salt = this.#salt;
    let h = Math.imul(first ^ salt, 0x9e37_79b1);
    h = Math.imul(h ^ (h >>> 15) ^ second, 0x85eb_ca77);
    h = Math.imul(h ^ (h >>> 13) ^ index ^ salt, 0xc2b2_ae3d);
    return h ^ (h >>> 16);
  }
}

function createChunk(rows: number): Chunk {
  const words = new Uint32Array(rows * ROW_WORDS);
  return { words, bytes: new Uint8Array(words.buffer) };
}

/** First word of a row in its chunk. */
function startOf(row: number): number {
  return (row & (CHUNK_ROWS - 1)) * ROW_WORDS;
}
