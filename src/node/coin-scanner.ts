/** Looks through all coins for scripts, one scan at a time (Core: FindScriptPubKey in rpc/blockchain.cpp). */
import { bytesToBinary } from '../base/bytes.ts';
import {
  BEST_BLOCK_KEY,
  COIN_KEYS,
  decodeBestBlock,
  decodeCoin,
  indexOf,
  parseCoinRecordKey,
  txidOf,
} from '../chain/coin-records.ts';
import type { CoinScan, CoinScans, FoundCoin } from '../rpc/node-facade.ts';
import type { StoreSnapshot } from '../store/store.ts';

export class CoinScanner implements CoinScans {
  readonly #open: () => Promise<StoreSnapshot>;
  #progress: number | undefined;
  #isAborted = false;

  /** `open` gives the coins at the tip, with the record of the block that they stand at. */
  constructor(open: () => Promise<StoreSnapshot>) {
    this.#open = open;
  }

  get progress(): number | undefined {
    return this.#progress;
  }

  abort(): void {
    this.#isAborted = true;
  }

  async scan(scripts: ReadonlySet<string>): Promise<CoinScan> {
    this.#isAborted = false;
    this.#progress = 0;
    try {
      const snapshot = await this.#open();
      try {
        return await this.#walk(snapshot, scripts);
      } finally {
        await snapshot.close();
      }
    } finally {
      this.#progress = undefined;
    }
  }

  async #walk(snapshot: StoreSnapshot, scripts: ReadonlySet<string>): Promise<CoinScan> {
    const bestBlock = decodeBestBlock(snapshot.get(BEST_BLOCK_KEY)!);
    const found: FoundCoin[] = [];
    let outputs = 0;
    for await (const [key, record] of snapshot.iterate(COIN_KEYS)) {
      if (this.#isAborted) return { bestBlock, outputs, found, isComplete: false };
      outputs += 1;
      // Txids are spread evenly: their first two bytes tell how far it is.
      this.#progress = Math.round((((key[1]! << 8) | key[2]!) * 100) / 0x1_0000);
      const coin = decodeCoin(record);
      if (!scripts.has(bytesToBinary(coin.scriptPubKey))) continue;
      const outPoint = parseCoinRecordKey(key);
      found.push({ outPoint: { txid: txidOf(outPoint), index: indexOf(outPoint) }, coin });
    }
    return { bestBlock, outputs, found, isComplete: true };
  }
}
