/** What a block took from the coins, so that it can be given back: Core's CBlockUndo. */
import type { Coin } from './coin.ts';

/** `spent[i][j]` is the coin that input j of transaction i + 1 spent (the coinbase has none). */
export interface BlockUndo {
  readonly spent: readonly (readonly Coin[])[];
}
