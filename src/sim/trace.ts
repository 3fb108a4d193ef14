/**
 * A fingerprint of a whole run: every delivery and every change of a tip is mixed in, in order. Two runs of the same seed
 * end with the same one; the first difference changes all that follows.
 */
import { FRAME_HEADER_BYTES } from '../wire/frame.ts';
import type { SimFrame } from './frames.ts';

/** Two 32-bit lanes, mixed as MurmurHash3 does (Appleby, public domain): no proof against malice, none is needed. */
export class Trace {
  #a = 0x9747_b28c;
  #b = 0x3c6e_f372;
  readonly #float = new Float64Array(1);
  readonly #words = new Uint32Array(this.#float.buffer);

  word(value: number): void {
    let mixed = Math.imul(value, 0xcc9e_2d51);
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
    this.#a ^= mixed;
    this.#a = (Math.imul((this.#a << 13) | (this.#a >>> 19), 5) + 0xe654_6b64) | 0;
    this.#b = Math.imul(this.#b ^ value ^ this.#a, 0x85eb_ca6b);
    this.#b ^= this.#b >>> 15;
  }

  /** All 64 bits of it: times are not whole. */
  number(value: number): void {
    this.#float[0] = value;
    this.word(this.#words[0]!);
    this.word(this.#words[1]!);
  }

  /** A frame came to a node: when, from whom, its length and its checksum. */
  delivery(now: number, node: number, peer: number, { length, checksum }: SimFrame): void {
    this.number(now);
    this.word(node);
    this.word(peer);
    this.word(length - FRAME_HEADER_BYTES);
    this.word(checksum);
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i += 1) this.word(value.charCodeAt(i));
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return [this.#a, this.#b].map(lane => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
