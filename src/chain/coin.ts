/** Coins and their keys by the names the chain knows them under; what they are is consensus/coin.ts's. */
import * as consensus from '../consensus/coin.ts';

export type Coin = consensus.Coin;
export type OutPointKey = consensus.OutPointKey;
export const outPointKey = consensus.outPointKey;
export const keyOf = consensus.keyOf;
export const keyAt = consensus.keyAt;
