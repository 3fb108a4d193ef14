/** Outpoints side by side, as they go over the wire: a block has thousands, and none becomes an object or a string. */
import { OUTPOINT_BYTES } from '../wire/tx-cursors.ts';

const ROOM_INITIAL = 64;

export class OutPointList {
  /** The outpoint number i starts at `i * OUTPOINT_BYTES`. */
  bytes = new Uint8Array(ROOM_INITIAL * OUTPOINT_BYTES);
  size = 0;

  /** The outpoint that starts at `from` in `source`. */
  push(source: Uint8Array, from: number): void {
    const at = this.size * OUTPOINT_BYTES;
    if (at === this.bytes.length) {
      const larger = new Uint8Array(at * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    const { bytes } = this;
    for (let i = 0; i < OUTPOINT_BYTES; i += 1) bytes[at + i] = source[from + i]!;
    this.size += 1;
  }
}
