/**
 * The chain that every simulated node begins with: regtest's rules, a hundred blocks and more so that coins are mature,
 * and coins of one key for the traffic. Mined and validated once by the real chain, then shared as a snapshot.
 */
import { assert } from '../base/assert.ts';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { SILENT_LOG } from '../base/log.ts';
import { runTask } from '../base/task.ts';
import { BLOCK_INDEX_KEYS } from '../chain/block-index.ts';
import { Chain } from '../chain/chain.ts';
import type { WriterTask } from '../chain/effects.ts';
import { HeaderFacts } from '../chain/header-facts.ts';
import { MemoryStorage } from '../chain/memory-storage.ts';
import { isScriptEffect, performScripts } from '../chain/script-effects.ts';
import type { Deployments } from '../consensus/deployments.ts';
import { networkParams } from '../consensus/networks.ts';
import type { ChainParams } from '../consensus/params.ts';
import { solveBlock } from '../mining/solve.ts';
import { assembleBlock } from '../mining/template.ts';
import type { Block } from '../wire/block.ts';
import { createTransaction, type OutPoint, SEQUENCE_FINAL, type Transaction } from '../wire/transaction.ts';
import { COIN_SCRIPT, signSpend } from './coin-key.ts';
import type { Snapshot } from './shared-storage.ts';

const SPACING_S = 600;
const MATURITY = 100;
const COINS_PER_TX = 2_500;
const COINS_PER_BLOCK = 25_000;
/** Satoshi. */
export const COIN_VALUE = 900_000;
/** On regtest, every other nonce is good. */
const TRIES_MAX = 1_000_000;

export interface BaseChain {
  readonly params: ChainParams;
  readonly snapshot: Snapshot;
  /** All headers of the world, of whichever node. */
  readonly headerFacts: HeaderFacts;
  /** By the rules that nodes have unless they have others. */
  readonly deployments: Deployments;
  /** When its last block was made: the world begins here. */
  readonly end: Milliseconds;
  /** Of `COIN_VALUE` each, spent by `signSpend`. */
  readonly coins: readonly OutPoint[];
}

/** With `coinCount` coins at least. */
export function createBaseChain(coinCount: number): BaseChain {
  const params = networkParams('regtest');
  const storage = new MemoryStorage();
  const headerFacts = new HeaderFacts();
  const chain = new Chain({ params, log: SILENT_LOG, headerFacts });
  const run = <T>(task: WriterTask<T>): T =>
    runTask(task, effect => {
      if (effect.kind === 'notify') return undefined;
      if (isScriptEffect(effect)) return performScripts(effect, () => undefined);
      return storage.perform(effect);
    });
  let now = params.genesis.header.time * SECOND_MS;
  run(chain.start(storage.load(chain), now));
  const mine = (transactions: readonly Transaction[]): Block => {
    now += SPACING_S * SECOND_MS;
    const parent = chain.tip();
    const { headers, deployments } = chain;
    const context = { params, headers, deployments, parent, now, scriptPubKey: COIN_SCRIPT };
    const block = solveBlock(assembleBlock(context, transactions), TRIES_MAX, params);
    assert(block !== undefined, 'regtest blocks are solved at once');
    const result = run(chain.submitBlock(block, { requested: true, now }));
    assert(result.status === 'accepted', 'our own blocks are valid');
    return block;
  };
  const txCount = Math.ceil(coinCount / COINS_PER_TX);
  const rewards = Array.from({ length: txCount }, () => mine([]).transactions[0]!);
  for (let i = 0; i < MATURITY; i += 1) mine([]);
  const funding = rewards.map(reward => split(reward));
  const perBlock = COINS_PER_BLOCK / COINS_PER_TX;
  for (let i = 0; i < funding.length; i += perBlock) mine(funding.slice(i, i + perBlock));
  run(chain.flush(now));
  return {
    params,
    snapshot: {
      storage,
      index: [...storage.index.entries(BLOCK_INDEX_KEYS)],
      records: storage.load(new Chain({ params, log: SILENT_LOG })),
    },
    headerFacts,
    deployments: chain.deployments,
    end: now,
    coins: funding.flatMap(({ txid }) =>
      Array.from({ length: COINS_PER_TX }, (_, index) => ({ txid, index })),
    ),
  };
}

/** A reward into coins. */
function split(reward: Transaction): Transaction {
  const input = { prevout: { txid: reward.txid, index: 0 }, scriptSig: EMPTY_BYTES, sequence: SEQUENCE_FINAL, witness: [] }; // biome-ignore format: one record
  const outputs = Array.from({ length: COINS_PER_TX }, () => ({
    value: COIN_VALUE,
    scriptPubKey: COIN_SCRIPT,
  }));
  const draft = { version: 2, inputs: [input], outputs, lockTime: 0 };
  const spent = [reward.outputs[0]!];
  return createTransaction({ ...draft, inputs: [{ ...input, witness: signSpend(draft, spent) }] });
}
