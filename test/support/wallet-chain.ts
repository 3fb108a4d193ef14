/** A chain without rules, to tell wallets about: blocks of given transactions on any branch, and a mempool of a set. */
import { type BlockHash, bytesToHex, type Hash256, type Txid, ZERO_HASH } from '../../src/base/bytes.ts';
import type { Milliseconds } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { DEFAULT_MEMPOOL_OPTIONS } from '../../src/mempool/options.ts';
import type { BatchOp, Entry } from '../../src/store/store.ts';
import type { FeeSource } from '../../src/wallet/fees.ts';
import { DEFAULT_WALLET_OPTIONS, type WalletOptions } from '../../src/wallet/options.ts';
import type { SpendContext } from '../../src/wallet/spend-request.ts';
import { Wallet, type WalletDeps } from '../../src/wallet/wallet.ts';
import { type Block, createBlock, createHeader } from '../../src/wire/block.ts';
import {
  createTransaction,
  NULL_INDEX,
  type OutPoint,
  type Transaction,
  type TxOutput,
} from '../../src/wire/transaction.ts';
import { REGTEST_PREFIXES } from './prefixes.ts';

export const CHEAP_SCRYPT = { n: 16, r: 8, p: 1 };
export const GENESIS_TIME = 1_296_688_602;

export function walletOptions(options: Partial<WalletOptions> = {}): WalletOptions {
  return { ...DEFAULT_WALLET_OPTIONS, prefixes: REGTEST_PREFIXES, coinType: 1, keyPoolSize: 5, ...options };
}

/** Blocks on one branch, the last at the end; `disconnect` goes back. */
export class TestChain {
  readonly blocks: Block[] = [];
  readonly #byHash = new Map<BlockHash, { readonly block: Block; readonly height: number }>();
  #nonce = 0;

  constructor() {
    this.connect([]);
  }

  get tip(): Block {
    return this.blocks.at(-1)!;
  }

  get height(): number {
    return this.blocks.length - 1;
  }

  /** Ids are heights of the active chain, which is all that a locator walks over. */
  readonly headers: WalletDeps['headers'] = {
    find: hash => this.#byHash.get(hash)?.height,
    hashOf: id => this.blocks[id]!.header.hash,
    heightOf: id => id,
    ancestorOf: (_, height) => height,
    timeOf: id => this.blocks[id]!.header.time,
  };

  /** The next block, with a coinbase before `transactions`. */
  connect(transactions: readonly Transaction[], reward?: TxOutput): Block {
    this.#nonce += 1;
    const header = createHeader({
      version: 4,
      prevHash: this.blocks.at(-1)?.header.hash ?? ZERO_HASH,
      merkleRoot: ZERO_HASH as Hash256,
      time: GENESIS_TIME + this.blocks.length * 600,
      bits: 0x207fffff,
      nonce: this.#nonce,
    });
    const block = createBlock(header, [this.coinbase(reward), ...transactions]);
    this.#byHash.set(header.hash, { block, height: this.blocks.length });
    this.blocks.push(block);
    return block;
  }

  disconnect(): Block {
    return this.blocks.pop()!;
  }

  isActive(hash: BlockHash): boolean {
    return this.blocks.some(block => block.header.hash === hash);
  }

  coinbase(reward: TxOutput = { value: 5_000_000_000, scriptPubKey: Uint8Array.of(0x51) }): Transaction {
    const scriptSig = new Uint8Array(Buffer.from(`${this.#nonce}`));
    const prevout = { txid: ZERO_HASH as Txid, index: NULL_INDEX };
    const inputs = [{ prevout, scriptSig, sequence: 0xffff_ffff, witness: [] }];
    return createTransaction({ version: 2, inputs, outputs: [reward], lockTime: 0 });
  }
}

/** A transaction of somebody else, or one that needs no valid signatures. */
export function plainTx(
  inputs: readonly OutPoint[],
  outputs: readonly TxOutput[],
  lockTime = 0,
): Transaction {
  return createTransaction({
    version: 2,
    inputs: inputs.map(prevout => ({
      prevout,
      scriptSig: new Uint8Array(0),
      sequence: 0xffff_fffd,
      witness: [],
    })),
    outputs,
    lockTime,
  });
}

/** An outpoint that nothing else is. */
export function strangeOutPoint(n: number): OutPoint {
  return { txid: String.fromCharCode(n & 0xff, n >> 8).padEnd(32, '\x7f') as Txid, index: n };
}

export function newWallet(
  chain: TestChain,
  options: Partial<WalletOptions> = {},
  seed = 1,
  name = 'test',
  { avoidsReuse = false }: { readonly avoidsReuse?: boolean } = {},
): Wallet {
  const random = new SeededRandom(seed);
  const wallet = new Wallet(
    name,
    { headers: chain.headers, random, scryptCost: CHEAP_SCRYPT },
    walletOptions(options),
  );
  wallet.initialize({
    disablesPrivateKeys: false,
    isBlank: false,
    avoidsReuse,
    position: { height: chain.height, hash: chain.tip.header.hash },
    now: GENESIS_TIME,
  });
  return wallet;
}

export const TEST_FEES: FeeSource = {
  minRelayFeeRate: 100,
  dustRelayFeeRate: 3_000,
  incrementalRelayFeeRate: 100,
  mempoolMinFeeRate: () => 100,
  estimate: () => undefined,
};

/** A mempool that knows which transactions are in it, and no relations. */
export function spendContext(seed = 1, now: Milliseconds = GENESIS_TIME): SpendContext {
  return {
    random: new SeededRandom(seed),
    verifier: loadVerifierSync('auto'),
    fees: TEST_FEES,
    mempool: {
      has: () => false,
      ancestorsOf: () => [],
      clusterCountOf: () => 0,
      combinedBumpFee: () => 0,
      keepsClusterLimits: () => true,
      options: DEFAULT_MEMPOOL_OPTIONS,
    },
    now,
    isInitialBlockDownload: false,
    tipTime: now,
  };
}

/** Applies batches as a store does. */
export function entriesOf(batches: readonly (readonly BatchOp[])[]): Entry[] {
  const table = new Map<string, Entry>();
  for (const op of batches.flat()) {
    const key = bytesToHex(op.key);
    if (op.type === 'put') table.set(key, [op.key, op.value]);
    else table.delete(key);
  }
  return [...table.values()];
}
