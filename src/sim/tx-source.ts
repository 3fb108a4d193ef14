/** Users: transactions come as a Poisson process, each sent by a node drawn by chance, spending a coin of the base chain. */
import { assert } from '../base/assert.ts';
import { EMPTY_BYTES } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { type Random, randomBelow, randomExponential } from '../base/random.ts';
import { createTransaction, type OutPoint, SEQUENCE_FINAL, type Transaction } from '../wire/transaction.ts';
import { COIN_VALUE } from './base-chain.ts';
import { COIN_SCRIPT, signSpend } from './coin-key.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** Satoshi: one to fifty a virtual byte, of some 140. */
const FEE_MIN = 200;
const FEE_SPREAD = 7_000;

/** Transactions every `interval` on average until `end`, each from one of `senders`. */
export function startTraffic(
  world: World,
  options: {
    readonly interval: Milliseconds;
    readonly end: Milliseconds;
    readonly senders: readonly SimNode[];
  },
): void {
  const random = world.random('traffic');
  const { interval, end, senders } = options;
  const pay = payer(world, random, senders);
  const next = () => {
    const at = world.now + randomExponential(random, interval);
    if (at > end) return;
    world.agenda.at(at, () => {
      if (pay()) next();
    });
  };
  next();
}

/** Each call has one of `senders` pay with a coin that is new; false when there is none left: they are reckoned to last, and by chance may not. */
export function payer(world: World, random: Random, senders: readonly SimNode[]): () => boolean {
  const { coins } = world.base;
  let used = 0;
  return () => {
    const coin = coins[used];
    used += 1;
    if (coin === undefined) return false;
    const tx = spend(coin, FEE_MIN + randomBelow(random, FEE_SPREAD), randomBelow(random, COIN_VALUE / 2));
    const sender = senders[randomBelow(random, senders.length)]!;
    if (sender.isStarted) send(world, sender, tx);
    return true;
  };
}

function send(world: World, node: SimNode, tx: Transaction): void {
  world.metrics.follow('tx', tx.txid, { origin: node.index, start: world.now, nodes: world.nodes.length });
  const result = node.submitTx(tx);
  assert(result.status === 'accepted', 'our own transactions are valid');
}

/** A payment and its change. */
function spend(prevout: OutPoint, fee: number, amount: number): Transaction {
  const input = { prevout, scriptSig: EMPTY_BYTES, sequence: SEQUENCE_FINAL, witness: [] };
  const payment = Math.max(amount, 10_000);
  const outputs = [payment, COIN_VALUE - payment - fee].map(value => ({ value, scriptPubKey: COIN_SCRIPT }));
  const draft = { version: 2, inputs: [input], outputs, lockTime: 0 };
  const spent = [{ value: COIN_VALUE, scriptPubKey: COIN_SCRIPT }];
  return createTransaction({ ...draft, inputs: [{ ...input, witness: signSpend(draft, spent) }] });
}
