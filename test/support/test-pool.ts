/** A mempool over a real chain in memory, with coins that standard transactions can spend. */
import type { Txid } from '../../src/base/bytes.ts';
import { SILENT_LOG } from '../../src/base/log.ts';
import { runTask } from '../../src/base/task.ts';
import { hash160 } from '../../src/crypto/hashes.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import type { MempoolTask } from '../../src/mempool/effects.ts';
import { Mempool, type SubmitOptions } from '../../src/mempool/mempool.ts';
import type { MempoolNotice } from '../../src/mempool/mempool-view.ts';
import { DEFAULT_MEMPOOL_OPTIONS, type MempoolOptions } from '../../src/mempool/options.ts';
import { payToScriptHash, payToWitness } from '../../src/script/templates.ts';
import type { Block } from '../../src/wire/block.ts';
import {
  createTransaction,
  type OutPoint,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
} from '../../src/wire/transaction.ts';
import { coinbaseOf, mineBlock, mineBlocks, NOW, OP_TRUE_SCRIPT, REGTEST, TestChain } from './test-chain.ts';

/** Anybody can spend it, with `TRUE_SCRIPT_SIG`: as standard as can be without keys. */
export const TRUE_SCRIPT_HASH = payToScriptHash(hash160(OP_TRUE_SCRIPT));
export const TRUE_SCRIPT_SIG = Uint8Array.of(1, 0x51);
/** The same with the witness `TRUE_WITNESS`. */
export const TRUE_PROGRAM = payToWitness(0, sha256(OP_TRUE_SCRIPT));
export const TRUE_WITNESS: readonly Uint8Array[] = [OP_TRUE_SCRIPT];

/** Coins that the first blocks leave, of this many satoshi, and the first of those that need a witness. */
const COINS = 400;
const WITNESS_COINS_FROM = 380;
export const COIN_VALUE = 10_000_000;

const base = mineBlocks(REGTEST.genesis, 0, 110);
const funding = createTransaction({
  version: 2,
  inputs: [0, 1, 2].map(i => input(coinbaseOf(base[i]!), { scriptSig: new Uint8Array(0) })),
  outputs: Array.from({ length: COINS }, (_, i) =>
    output(COIN_VALUE, i < WITNESS_COINS_FROM ? TRUE_SCRIPT_HASH : TRUE_PROGRAM),
  ),
  lockTime: 0,
});
/** The last block before the tests' own. */
export const FUNDED: readonly Block[] = [...base, mineBlock(base.at(-1)!, 110, { transactions: [funding] })];

/** The `i`th coin. */
export function coin(i: number): OutPoint {
  return { txid: funding.txid, index: i };
}

/** The `i`th of the coins that need a witness, up to 20. */
export function witnessCoin(i: number): OutPoint {
  return coin(WITNESS_COINS_FROM + i);
}

/** Spends `TRUE_SCRIPT_HASH` unless `parts` say otherwise. */
export function input(prevout: OutPoint, parts: Partial<TxInput> = {}): TxInput {
  return { prevout, scriptSig: TRUE_SCRIPT_SIG, sequence: SEQUENCE_FINAL, witness: [], ...parts };
}

/** Spends with a witness, `TRUE_WITNESS` or another. */
export function witnessInput(prevout: OutPoint, witness: readonly Uint8Array[] = TRUE_WITNESS): TxInput {
  return input(prevout, { scriptSig: new Uint8Array(0), witness });
}

export function output(value: number, scriptPubKey: Uint8Array = TRUE_SCRIPT_HASH): TxOutput {
  return { value, scriptPubKey };
}

export interface TxShape {
  readonly version?: number;
  readonly lockTime?: number;
  /** Bytes of an output that carries data: makes the transaction larger. */
  readonly padding?: number;
}

/** Anything from anything. */
export function build(
  inputs: readonly TxInput[],
  outputs: readonly TxOutput[],
  { version = 2, lockTime = 0, padding = 0 }: TxShape = {},
): Transaction {
  const data = padding === 0 ? [] : [output(0, Uint8Array.of(0x6a, ...new Uint8Array(padding).fill(0x51)))];
  return createTransaction({ version, inputs, outputs: [...outputs, ...data], lockTime });
}

/** Spends what tests have made, dividing what is left after `fee` among `count` outputs. */
export function pay(
  from: readonly { readonly prevout: OutPoint; readonly value: number }[],
  fee: number,
  { count = 1, ...shape }: TxShape & { readonly count?: number } = {},
): Transaction {
  const total = from.reduce((sum, { value }) => sum + value, 0) - fee;
  const share = Math.floor(total / count);
  const outputs = Array.from({ length: count }, (_, i) =>
    output(i === 0 ? total - share * (count - 1) : share),
  );
  return build(
    from.map(({ prevout }) => input(prevout)),
    outputs,
    shape,
  );
}

/** Coin `i` as something to pay from. */
export function funds(i: number): { readonly prevout: OutPoint; readonly value: number } {
  return { prevout: coin(i), value: COIN_VALUE };
}

/** Output `index` of `tx` as something to pay from. */
export function change(tx: Transaction, index = 0): { readonly prevout: OutPoint; readonly value: number } {
  return { prevout: { txid: tx.txid, index }, value: tx.outputs[index]!.value };
}

export class TestPool {
  readonly chain: TestChain;
  readonly mempool: Mempool;
  readonly notices: MempoolNotice[] = [];
  now = NOW;

  constructor(options: Partial<MempoolOptions> = {}, chain = new TestChain()) {
    this.chain = chain;
    const { scriptCache } = chain;
    for (const block of FUNDED) this.chain.submit(block);
    this.chain.notices.length = 0;
    this.mempool = new Mempool(
      { chain: chain.chain, coins: chain.chain, log: SILENT_LOG, ...(scriptCache && { scriptCache }) },
      { ...DEFAULT_MEMPOOL_OPTIONS, ...options },
    );
  }

  run<Result>(task: MempoolTask<Result>): Result {
    return runTask(task, effect => {
      if (effect.kind === 'notifyMempool') return this.notices.push(effect.notice);
      return this.chain.run(
        (function* () {
          return yield effect;
        })(),
      );
    });
  }

  /** 'ok' or why not, as Core words it. */
  submit(tx: Transaction, options: Partial<SubmitOptions> = {}): string {
    const result = this.run(this.mempool.submit(tx, { now: this.now, origin: 'peer', ...options }));
    return result.status === 'accepted' ? 'ok' : result.reject.message;
  }

  /** Submits all, which must be accepted, and returns the last. */
  add(...txs: readonly Transaction[]): Transaction {
    for (const tx of txs) {
      const outcome = this.submit(tx);
      if (outcome !== 'ok') throw new Error(outcome);
    }
    return txs.at(-1)!;
  }

  /** Each block in turn, followed by the mempool. */
  connect(...blocks: readonly Block[]): void {
    for (const block of blocks) {
      const outcome = this.chain.submit(block);
      if (outcome !== 'new') throw new Error(outcome);
      for (const notice of this.chain.notices.splice(0))
        this.run(this.mempool.onChainNotice(notice, this.now));
      this.run(this.mempool.check());
    }
  }

  has(tx: Transaction): boolean {
    return this.mempool.has(tx.txid);
  }

  get txids(): Set<Txid> {
    return new Set(Array.from(this.mempool.entries(), entry => entry.tx.txid));
  }

  /** What happened since the last call: `+` or `-reason` and the name that `names` gives, or the txid's end. */
  takeNotices(names: Readonly<Record<string, Transaction>> = {}): string[] {
    const nameOf = new Map(Object.entries(names).map(([name, tx]) => [tx.txid, name]));
    return this.notices.splice(0).map(notice => {
      const name = nameOf.get(notice.entry.tx.txid) ?? '?';
      return notice.kind === 'txAdded' ? `+${name}` : `-${name} ${notice.reason}`;
    });
  }
}
