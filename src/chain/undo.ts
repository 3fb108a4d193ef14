/**
 * What a block took from the coins, so that it can be given back: Core's CBlockUndo (undo.h), in memory and in the
 * bytes of a `revNNNNN.dat` record.
 */
import { COMPACT_SIZE_MAX, type Codec, DecodeError } from '../wire/codec.ts';
import type { Coin } from './coin.ts';
import { readCompressedOutput, readVarInt, writeCompressedOutput, writeVarInt } from './compress.ts';

/** `spent[i][j]` is the coin that input j of transaction i + 1 spent (the coinbase has none). */
export interface BlockUndo {
  readonly spent: readonly (readonly Coin[])[];
}

/** Reading throws DecodeError. */
export const blockUndo: Codec<BlockUndo> = {
  read(r) {
    const spent: Coin[][] = [];
    for (let count = r.compactSize(COMPACT_SIZE_MAX); count > 0; count -= 1) {
      const coins: Coin[] = [];
      for (let inputs = r.compactSize(COMPACT_SIZE_MAX); inputs > 0; inputs -= 1) {
        const code = readVarInt(r);
        const height = Math.floor(code / 2);
        // Once the version of the transaction; always zero now, and absent for height 0.
        if (height > 0) readVarInt(r);
        const { value, scriptPubKey } = readCompressedOutput(r);
        coins.push({ value, scriptPubKey, height, isCoinbase: (code & 1) === 1 });
      }
      spent.push(coins);
    }
    if (r.remaining > 0) throw new DecodeError(`${r.remaining} bytes left over after the undo data`);
    return { spent };
  },
  write(w, undo) {
    w.compactSize(undo.spent.length);
    for (const coins of undo.spent) {
      w.compactSize(coins.length);
      for (const coin of coins) {
        writeVarInt(w, coin.height * 2 + (coin.isCoinbase ? 1 : 0));
        if (coin.height > 0) w.u8(0);
        writeCompressedOutput(w, coin);
      }
    }
  },
};
