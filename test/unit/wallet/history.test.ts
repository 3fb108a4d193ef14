/** Random histories against a naive oracle that looks at the whole chain and mempool each time. */
import { describe, expect, test } from 'vitest';
import { bytesToBinary, type Txid } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { keyOf, type OutPointKey, outPointKey } from '../../../src/chain/coin.ts';
import { MemoryStore } from '../../../src/store/memory.ts';
import type { Entry } from '../../../src/store/store.ts';
import { balanceOf } from '../../../src/wallet/balance.ts';
import { Wallet } from '../../../src/wallet/wallet.ts';
import {
  createTransaction,
  type OutPoint,
  type Transaction,
  type TxOutput,
} from '../../../src/wire/transaction.ts';
import {
  CHEAP_SCRYPT,
  newWallet,
  plainTx,
  strangeOutPoint,
  TestChain,
  walletOptions,
} from '../../support/wallet-chain.ts';

const MATURITY = 100;
const STRANGER = Uint8Array.of(0, 20, ...new Array<number>(20).fill(9));
const NOW = 1_700_000_000;
const OPTIONS = { minDepth: 0, avoidReuse: false, includeNonmempool: false };

/** What a wallet that owns `mine` has, computed from nothing but the chain and the mempool. */
function oracle(chain: TestChain, pool: ReadonlyMap<Txid, Transaction>, mine: ReadonlySet<string>) {
  interface Output {
    readonly output: TxOutput;
    readonly tx: Transaction;
    readonly height: number | undefined;
  }
  const outputs = new Map<OutPointKey, Output>();
  const spent = new Set<OutPointKey>();
  const add = (tx: Transaction, height: number | undefined) => {
    if (!tx.isCoinbase) for (const { prevout } of tx.inputs) spent.add(keyOf(prevout));
    for (const [i, output] of tx.outputs.entries())
      outputs.set(outPointKey(tx.txid, i), { output, tx, height });
  };
  for (const [height, block] of chain.blocks.entries()) for (const tx of block.transactions) add(tx, height);
  for (const tx of pool.values()) add(tx, undefined);
  const isMine = ({ scriptPubKey }: TxOutput) => mine.has(bytesToBinary(scriptPubKey));
  const isTrusted = (found: Output): boolean =>
    found.height !== undefined ||
    found.tx.inputs.every(({ prevout }) => {
      const parent = outputs.get(keyOf(prevout));
      return parent !== undefined && isMine(parent.output) && isTrusted(parent);
    });
  const balance = { trusted: 0, untrustedPending: 0, immature: 0 };
  for (const [key, found] of outputs) {
    if (!isMine(found.output) || spent.has(key)) continue;
    const depth = found.height === undefined ? 0 : chain.height - found.height + 1;
    if (found.tx.isCoinbase && depth <= MATURITY) balance.immature += found.output.value;
    else if (isTrusted(found)) balance.trusted += found.output.value;
    else balance.untrustedPending += found.output.value;
  }
  return balance;
}

async function reload(wallet: Wallet, chain: TestChain, store: MemoryStore): Promise<Wallet> {
  store.batchSync(wallet.takeBatch(), { durable: true });
  const entries: Entry[] = [];
  for await (const entry of store.iterate({})) entries.push(entry);
  const deps = { headers: chain.headers, random: new SeededRandom(1), scryptCost: CHEAP_SCRYPT };
  const again = new Wallet('again', deps, walletOptions());
  again.load(entries);
  const fork = again.storedLocator.find(hash => chain.isActive(hash))!;
  const height = chain.headers.find(fork)!;
  again.attach({ height, hash: fork }, hash => chain.isActive(hash) && chain.headers.find(hash)! <= height);
  for (let next = height + 1; next <= chain.height; next += 1) {
    again.blockConnected(chain.blocks[next]!, next, NOW);
  }
  return again;
}

test('balances follow any sequence of blocks, reorganisations and mempool changes', async () => {
  for (let seed = 0; seed < 25; seed += 1) {
    const random = new SeededRandom(seed);
    const chain = new TestChain();
    let wallet = newWallet(chain);
    const store = new MemoryStore();
    const addresses = Array.from({ length: 4 }, () => wallet.newAddress('bech32', ''));
    const mine = new Set(addresses.map(bytesToBinary));
    const pool = new Map<Txid, Transaction>();
    /** All outpoints that were ever there; transactions spend any of them, so they conflict a lot. */
    const known: OutPoint[] = [];
    const knownTxids = new Set<Txid>();
    let strangers = 0;

    const pick = <T>(items: readonly T[]): T => items[randomBelow(random, items.length)]!;
    const randomOutput = (): TxOutput => ({
      value: 1 + randomBelow(random, 1_000_000),
      scriptPubKey: randomBelow(random, 3) > 0 ? pick(addresses) : STRANGER,
    });
    const confirmed = () =>
      new Map(chain.blocks.flatMap(({ transactions }) => transactions.map(tx => [tx.txid, tx])));
    const spentIn = (txs: Iterable<Transaction>) =>
      new Set([...txs].flatMap(tx => (tx.isCoinbase ? [] : tx.inputs.map(({ prevout }) => keyOf(prevout)))));
    const remove = (tx: Transaction): void => {
      if (!pool.delete(tx.txid)) return;
      wallet.transactionRemoved(tx);
      for (const child of [...pool.values()]) {
        if (child.inputs.some(({ prevout }) => prevout.txid === tx.txid)) remove(child);
      }
    };
    const makeTx = (): Transaction | undefined => {
      const chainTxs = confirmed();
      const spentByChain = spentIn(chainTxs.values());
      const usable = known.filter(
        outPoint =>
          (chainTxs.has(outPoint.txid) || pool.has(outPoint.txid)) && !spentByChain.has(keyOf(outPoint)),
      );
      const inputs = new Map<OutPointKey, OutPoint>();
      for (let i = randomBelow(random, 3); i > 0 && usable.length > 0; i -= 1) {
        const outPoint = pick(usable);
        inputs.set(keyOf(outPoint), outPoint);
      }
      if (inputs.size === 0) {
        strangers += 1;
        const outPoint = strangeOutPoint(strangers);
        inputs.set(keyOf(outPoint), outPoint);
      }
      const outputs = Array.from({ length: 1 + randomBelow(random, 3) }, randomOutput);
      return plainTx([...inputs.values()], outputs, randomBelow(random, 1_000_000));
    };
    const isThere = ({ txid }: OutPoint, has: { has(txid: Txid): boolean }) =>
      has.has(txid) || !knownTxids.has(txid);
    const evictConflicts = (tx: Transaction) => {
      const spends = spentIn([tx]);
      for (const other of [...pool.values()]) {
        if (other.txid !== tx.txid && other.inputs.some(({ prevout }) => spends.has(keyOf(prevout))))
          remove(other);
      }
    };
    const remember = (tx: Transaction) => {
      knownTxids.add(tx.txid);
      for (const index of tx.outputs.keys()) known.push({ txid: tx.txid, index });
    };
    const addToPool = (): void => {
      const tx = makeTx()!;
      const parents = tx.inputs.map(({ prevout }) => prevout.txid);
      evictConflicts(tx);
      // Its own parents may have been among what it replaced.
      const available = confirmed();
      if (parents.some(txid => knownTxids.has(txid) && !available.has(txid) && !pool.has(txid))) return;
      remember(tx);
      pool.set(tx.txid, tx);
      wallet.transactionAdded(tx, NOW);
    };
    const connect = (): void => {
      // Some of the pool in order, and sometimes something that conflicts with it.
      const included: Transaction[] = [];
      const has = new Set(confirmed().keys());
      for (const tx of pool.values()) {
        const isComplete = tx.inputs.every(({ prevout }) => isThere(prevout, has));
        if (isComplete && randomBelow(random, 2) === 0) {
          included.push(tx);
          has.add(tx.txid);
        }
      }
      const surprise = randomBelow(random, 3) === 0 ? makeTx() : undefined;
      const taken = spentIn(included);
      const fits = surprise?.inputs.every(
        ({ prevout }) => !taken.has(keyOf(prevout)) && isThere(prevout, has),
      );
      if (surprise !== undefined && fits) {
        included.push(surprise);
        remember(surprise);
      }
      const block = chain.connect(included, randomOutput());
      remember(block.transactions[0]!);
      // The mempool follows first.
      for (const tx of included) {
        if (pool.delete(tx.txid)) wallet.transactionRemoved(tx);
        evictConflicts(tx);
      }
      wallet.blockConnected(block, chain.height, NOW);
    };
    const reorganise = (): void => {
      const depth = Math.min(1 + randomBelow(random, 3), chain.height);
      const returned: Transaction[] = [];
      for (let i = 0; i < depth; i += 1) {
        const height = chain.height;
        const block = chain.disconnect();
        wallet.blockDisconnected(block, height, NOW);
        returned.unshift(...block.transactions.slice(1));
        const coinbase = block.transactions[0]!;
        for (const tx of [...pool.values()]) {
          if (tx.inputs.some(({ prevout }) => prevout.txid === coinbase.txid)) remove(tx);
        }
      }
      const gone = new Set<Txid>();
      for (let i = 0; i <= depth; i += 1) connect();
      const chainTxs = confirmed();
      const spentByChain = spentIn(chainTxs.values());
      for (const tx of returned) {
        const isGone = tx.inputs.some(
          ({ prevout }) =>
            spentByChain.has(keyOf(prevout)) ||
            gone.has(prevout.txid) ||
            (knownTxids.has(prevout.txid) && !chainTxs.has(prevout.txid) && !pool.has(prevout.txid)),
        );
        if (isGone || chainTxs.has(tx.txid)) {
          gone.add(tx.txid);
          remove(tx);
          continue;
        }
        evictConflicts(tx);
        pool.set(tx.txid, tx);
        wallet.transactionAdded(tx, NOW);
      }
      // Whatever now lacks a parent leaves.
      for (let changed = true; changed; ) {
        changed = false;
        for (const tx of [...pool.values()]) {
          const lacks = tx.inputs.some(
            ({ prevout }) =>
              spentByChain.has(keyOf(prevout)) ||
              (knownTxids.has(prevout.txid) && !chainTxs.has(prevout.txid) && !pool.has(prevout.txid)),
          );
          if (lacks) {
            remove(tx);
            changed = true;
          }
        }
      }
    };

    for (let step = 0; step < 80; step += 1) {
      const dice = randomBelow(random, 10);
      if (dice < 4) addToPool();
      else if (dice < 7) connect();
      else if (dice === 7) reorganise();
      else if (dice === 8 && pool.size > 0) remove(pick([...pool.values()]));
      else if (dice === 9 && step % 3 === 0) {
        wallet = await reload(wallet, chain, store);
        for (const tx of pool.values()) wallet.transactionAdded(tx, NOW);
      }
      const { trusted, untrustedPending, immature } = balanceOf(wallet, OPTIONS);
      expect({ trusted, untrustedPending, immature }, `seed ${seed}, step ${step}`).toEqual(
        withNonmempool(oracle(chain, pool, mine), wallet),
      );
    }
  }
});

/** Coins spent by transactions that nobody has but the wallet are not counted, though chain and mempool have them. */
function withNonmempool(expected: ReturnType<typeof oracle>, wallet: Wallet): ReturnType<typeof oracle> {
  const all = balanceOf(wallet, { ...OPTIONS, includeNonmempool: true });
  const some = balanceOf(wallet, OPTIONS);
  return {
    trusted: expected.trusted - (all.trusted - some.trusted),
    untrustedPending: expected.untrustedPending - (all.untrustedPending - some.untrustedPending),
    immature: expected.immature - (all.immature - some.immature),
  };
}

describe('a child of version 3 in the mempool', () => {
  /** A parent with two outputs of the wallet, a child of each, and a grandchild. */
  function family(version: number) {
    const chain = new TestChain();
    const wallet = newWallet(chain);
    const made = (inputs: readonly OutPoint[], count: number) => {
      const outputs = Array.from({ length: count }, () => ({
        value: 1_000,
        scriptPubKey: wallet.newAddress('bech32', ''),
      }));
      const { inputs: spending } = plainTx(inputs, outputs);
      return createTransaction({ version, inputs: spending, outputs, lockTime: 0 });
    };
    const parent = made([strangeOutPoint(1)], 2);
    const [child, sibling] = [0, 1].map(index => made([{ txid: parent.txid, index }], 1));
    const nephew = made([{ txid: sibling!.txid, index: 0 }], 1);
    const conflicts = () =>
      [child!, sibling!, nephew].map(tx => [...wallet.history.get(tx.txid)!.mempoolConflicts]);
    return { chain, wallet, parent, child: child!, sibling: sibling!, nephew, conflicts };
  }

  test.each([
    [3, true],
    [2, false],
  ])('of version %i keeps out its siblings: %s', (version, keepsOut) => {
    const { wallet, parent, child, sibling, nephew, conflicts } = family(version);
    wallet.transactionAdded(parent, NOW);
    for (const tx of [sibling, nephew]) wallet.commit(tx, {}, NOW);
    wallet.transactionAdded(child, NOW);
    const rivals = keepsOut ? [child.txid] : [];
    expect(conflicts()).toEqual([[], rivals, rivals]);
    wallet.transactionRemoved(child);
    expect(conflicts()).toEqual([[], [], []]);
  });

  test('lets them be once the parent is confirmed', () => {
    const { chain, wallet, parent, child, sibling, nephew, conflicts } = family(3);
    wallet.blockConnected(chain.connect([parent]), chain.height, NOW);
    for (const tx of [sibling, nephew]) wallet.commit(tx, {}, NOW);
    wallet.transactionAdded(child, NOW);
    expect(conflicts()).toEqual([[], [], []]);
  });
});

test('a wallet that is loaded again has its key pool ahead of the last address', async () => {
  const chain = new TestChain();
  const wallet = newWallet(chain, { keyPoolSize: 5 });
  const keeper = wallet.keys.active('bech32', 'receive')!;
  for (let i = 0; i < 3; i += 1) wallet.newAddress('bech32', '');
  expect([keeper.nextIndex, keeper.rangeEnd]).toEqual([3, 7]);
  const again = (await reload(wallet, chain, new MemoryStore())).keys.active('bech32', 'receive')!;
  expect([again.nextIndex, again.rangeEnd]).toEqual([3, 8]);
});
