/** Coins and transactions that spend them: valid ones unless the coin's script or a sloppy signature is against it. */
import { concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { OPCODES, pushData } from '../../src/script/opcodes.ts';
import { PrecomputedTx } from '../../src/script/sighash.ts';
import { wrapInWitnessScriptHash } from '../../src/script/templates.ts';
import {
  createTransaction,
  type OutPoint,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
  type TxParts,
} from '../../src/wire/transaction.ts';
import type { Dice } from './dice.ts';
import { ANYONE, type Lock, randomLock } from './locks.ts';

/** Makes a transaction large enough not to be mistaken for a merkle node. */
const PADDING = concatBytes(Uint8Array.of(OPCODES.OP_RETURN), pushData(new Uint8Array(24)));
/** Anyone may spend it, and it is standard. */
const STANDARD_SCRIPT = wrapInWitnessScriptHash(ANYONE.scriptPubKey);

export interface Coin {
  readonly outPoint: OutPoint;
  readonly output: TxOutput;
  readonly lock: Lock;
}

/** A transaction with what it spends, and what was done to it, for people. */
export interface Spend {
  readonly tx: Transaction;
  readonly coins: readonly Coin[];
  readonly story: readonly string[];
}

/** Pays from `coin` (spent by an empty script) to `locks`, in this order. */
export function fund(coin: Coin, locks: readonly Lock[], value: number): { tx: Transaction; coins: Coin[] } {
  const outputs = locks.map(lock => ({ value, scriptPubKey: lock.scriptPubKey }));
  const tx = createTransaction({
    version: 2,
    inputs: [{ prevout: coin.outPoint, scriptSig: EMPTY_BYTES, sequence: SEQUENCE_FINAL, witness: [] }],
    outputs,
    lockTime: 0,
  });
  return { tx, coins: locks.map((lock, index) => coinOf(tx, index, lock)) };
}

export function coinOf(tx: Transaction, index: number, lock: Lock): Coin {
  return { outPoint: { txid: tx.txid, index }, output: tx.outputs[index]!, lock };
}

/** Spends `coins`, signed for the fields that their scripts wish for (or, now and then, for others). */
export function spendCoins(
  dice: Dice,
  coins: readonly Coin[],
  sloppiness: number,
  tip: { readonly height: number; readonly medianTime: number },
): Spend {
  const wished = coins.find(coin => Object.keys(coin.lock.wishes).length > 0)?.lock.wishes ?? {};
  const inputs = coins.map(({ outPoint, lock }) => ({
    prevout: outPoint,
    scriptSig: EMPTY_BYTES,
    sequence: lock.wishes.sequence ?? randomSequence(dice),
    witness: [] as readonly Uint8Array[],
  }));
  const lockTime =
    wished.lockTime ??
    (dice.chance(0.06)
      ? dice.pick([
          tip.height,
          tip.height + 1,
          tip.height + 2,
          tip.medianTime - 1,
          tip.medianTime,
          tip.medianTime + 1,
        ])
      : 0);
  const total = coins.reduce((sum, coin) => sum + coin.output.value, 0);
  const count = dice.count(3);
  const usual = dice.chance(0.5) ? ANYONE.scriptPubKey : STANDARD_SCRIPT;
  const outputs = Array.from({ length: count }, () => ({
    value: Math.floor((total * 0.5) / count),
    scriptPubKey: dice.chance(0.85) ? usual : randomLock(dice).scriptPubKey,
  }));
  if (dice.chance(0.97)) outputs.push({ value: 0, scriptPubKey: PADDING });
  const version = wished.version ?? dice.pick([2, 2, 2, 2, 2, 2, 2, 1, 1, 3, 0, 0xffffffff]);
  const parts: TxParts = { version, inputs, outputs, lockTime };
  const signed = sign(dice, parts, coins, sloppiness);
  return {
    tx: createTransaction({ ...parts, inputs: signed }),
    coins,
    story: coins.map(coin => coin.lock.name),
  };
}

function sign(dice: Dice, parts: TxParts, coins: readonly Coin[], sloppiness: number): TxInput[] {
  const precomputed = new PrecomputedTx(parts, coins.map(coin => coin.output)); // biome-ignore format: short
  return coins.map((coin, input) => ({
    ...parts.inputs[input]!,
    ...coin.lock.unlock({ precomputed, input, dice, sloppiness }),
  }));
}

function randomSequence(dice: Dice): number {
  if (dice.chance(0.93)) return SEQUENCE_FINAL;
  return dice.pick([
    0,
    1,
    2,
    3,
    0xfffffffe,
    0xfffffffd,
    0x80000000,
    0x400000,
    0x400001,
    0x40000f,
    0x10001,
    dice.u32(),
  ]);
}
