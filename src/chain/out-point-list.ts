/** Outpoints side by side, as they go over the wire: a block has thousands, and none becomes an object or a string. */
import { OUTPOINT_BYTES } from '../wire/tx-cursors.ts';

const ROOM_MAX = 64;

export class OutPointList {
  /** The outpoint number i starts at `i * OUTPOINT_BYTES`. */
  bytes: Uint8Array;
  size = 0;

  /** `most`: there will not be more. Of many, few are to be expected. */
  constructor(most: number) {
    this.bytes = new Uint8Array(Math.min(most, ROOM_MAX) * OUTPOINT_BYTES);
  }

  /** The outpoint that starts at `from` in `source`. */
  push(source: Uint8Array, from: number): void {
    const at = this.size * OUTPOINT_BYTES;
    if (at === this.bytes.length) {
      const larger = new Uint8Array(Math.max(at * 2, OUTPOINT_BYTES));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    const { bytes } = this;
    for (let i = 0; i < OUTPOINT_BYTES; i += 1) bytes[at + i] = source[from + i]!;
    this.size += 1;
  }
}
