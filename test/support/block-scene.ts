/**
 * A chain to break rules on, as data: the blocks of its base, which every node takes, and a builder of more. Nothing
 * here is random or asks for the time, so our node and bitcoind are given the same bytes.
 */
import { type BlockHash, EMPTY_BYTES, type Txid, ZERO_HASH } from '../../src/base/bytes.ts';
import { blockMerkleRoot } from '../../src/consensus/merkle.ts';
import type { ChainParams } from '../../src/consensus/params.ts';
import { checkProofOfWork } from '../../src/consensus/pow.ts';
import { blockSubsidy } from '../../src/consensus/subsidy.ts';
import { witnessCommitmentScript } from '../../src/consensus/witness-commitment.ts';
import { pushNumber } from '../../src/script/opcodes.ts';
import { type Block, createBlock, createHeader, type HeaderParts } from '../../src/wire/block.ts';
import {
  createTransaction,
  NULL_INDEX,
  type OutPoint,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
  type TxParts,
} from '../../src/wire/transaction.ts';
import { OP_TRUE_SCRIPT } from './test-chain.ts';

const BLOCK_VERSION = 0x2000_0000;
const SPACING_SECONDS = 600;
/** The witness of a coinbase that commits to witnesses. */
export const RESERVED: Uint8Array = new Uint8Array(32);

/** A coin that a rule may spend. */
export interface SceneCoin {
  readonly prevout: OutPoint;
  readonly value: number;
}

export interface CoinbaseShape extends Partial<Pick<TxParts, 'version' | 'outputs' | 'lockTime'>> {
  readonly scriptSig?: Uint8Array;
  readonly sequence?: number;
  readonly witness?: readonly Uint8Array[];
  /** Satoshi of the only output; by default the subsidy. */
  readonly value?: number;
}

export interface BlockShape {
  readonly transactions?: readonly Transaction[];
  /** Takes the place of the coinbase; null: there is none. */
  readonly coinbase?: CoinbaseShape | null;
  readonly header?: Partial<HeaderParts>;
  /** Adds the output that commits to the witnesses: of these transactions instead of the block's, if given. */
  readonly commit?: boolean | readonly Transaction[];
  /** The nonce is chosen so that the hash misses the target. */
  readonly unsolved?: boolean;
}

export class BlockScene {
  readonly params: ChainParams;
  /** What every node is given first, genesis excluded. */
  readonly base: Block[] = [];
  /** Blocks by the name of the rule that built them. */
  readonly built = new Map<string, Block>();
  readonly #chain: Block[];
  readonly #coins = new Map<string, SceneCoin>();

  constructor(params: ChainParams) {
    this.params = params;
    this.#chain = [params.genesis];
  }

  get tip(): Block {
    return this.#chain.at(-1)!;
  }

  get height(): number {
    return this.#chain.length - 1;
  }

  /** Of the tip and its ten ancestors. */
  get medianTimePast(): number {
    const times = this.#chain.slice(-11).map(({ header }) => header.time);
    return times.sort((a, b) => a - b)[times.length >> 1]!;
  }

  /** The block becomes the tip. */
  extend(block: Block): void {
    this.#chain.push(block);
  }

  /** `count` more blocks of the base. */
  grow(count: number, shape: BlockShape = {}): void {
    for (let i = 0; i < count; i += 1) {
      const block = this.block(shape);
      this.base.push(block);
      this.extend(block);
    }
  }

  /** One block more with coins of these scripts, paid by the coinbase of block 1. */
  fund(scripts: Readonly<Record<string, Uint8Array>>): void {
    const { prevout, value } = this.coinbaseCoin(1);
    const each = Math.floor(value / Object.keys(scripts).length);
    const outputs = Object.values(scripts).map(scriptPubKey => ({ value: each, scriptPubKey }));
    const tx = transaction({ inputs: [input(prevout)], outputs });
    Object.keys(scripts).forEach((name, index) => {
      this.#coins.set(name, { prevout: { txid: tx.txid, index }, value: each });
    });
    this.grow(1, { transactions: [tx] });
  }

  /** A coin made by `fund`. */
  coin(name: string): SceneCoin {
    const coin = this.#coins.get(name);
    if (coin === undefined) throw new Error(`No coin is called ${name}`);
    return coin;
  }

  coinbaseCoin(height: number): SceneCoin {
    const [coinbase] = this.#chain[height]!.transactions;
    return { prevout: { txid: coinbase!.txid, index: 0 }, value: coinbase!.outputs[0]!.value };
  }

  coinbase(shape: CoinbaseShape = {}): Transaction {
    const { scriptSig = Uint8Array.of(...pushNumber(this.height + 1), 0), value } = shape;
    const subsidy = blockSubsidy(this.height + 1, this.params);
    const prevout = { txid: ZERO_HASH, index: NULL_INDEX };
    return transaction({
      version: shape.version ?? 2,
      inputs: [
        { prevout, scriptSig, sequence: shape.sequence ?? SEQUENCE_FINAL, witness: shape.witness ?? [] },
      ],
      outputs: shape.outputs ?? [output(value ?? subsidy)],
      lockTime: shape.lockTime ?? 0,
    });
  }

  /** A block on the tip, solved unless it shall not be. */
  block(shape: BlockShape = {}): Block {
    const { transactions: others = [], coinbase = {}, commit = false } = shape;
    const first = coinbase === null ? [] : [this.#coinbaseFor(coinbase, commit, others)];
    const transactions = [...first, ...others];
    const { tip } = this;
    const parts: HeaderParts = {
      version: BLOCK_VERSION,
      prevHash: tip.header.hash,
      merkleRoot: blockMerkleRoot({ transactions }).root,
      time: tip.header.time + SPACING_SECONDS,
      bits: tip.header.bits,
      nonce: 0,
      ...shape.header,
    };
    return createBlock(this.#solve(parts, shape.unsolved === true), transactions);
  }

  #coinbaseFor(
    shape: CoinbaseShape,
    commit: NonNullable<BlockShape['commit']>,
    others: readonly Transaction[],
  ): Transaction {
    if (commit === false) return this.coinbase(shape);
    const plain = this.coinbase({ ...shape, witness: [] });
    const committed = [plain, ...(commit === true ? others : commit)];
    const script = witnessCommitmentScript({ transactions: committed }, RESERVED);
    const outputs = [...plain.outputs, output(0, script)];
    return this.coinbase({ witness: [RESERVED], ...shape, outputs });
  }

  #solve(parts: HeaderParts, unsolved: boolean) {
    for (let nonce = 0; ; nonce += 1) {
      const header = createHeader({ ...parts, nonce });
      if (checkProofOfWork(header.hash, REGTEST_BITS, this.params) !== unsolved) return header;
    }
  }
}

/** What is solved is solved by these, whatever the header says: bits that may not be would never be met. */
const REGTEST_BITS = 0x207f_ffff;

export const UNKNOWN_TXID = '\x01'.repeat(32) as Txid;
export const UNKNOWN_BLOCK = '\x01'.repeat(32) as BlockHash;

export function input(prevout: OutPoint, fields: Partial<Omit<TxInput, 'prevout'>> = {}): TxInput {
  return { prevout, scriptSig: EMPTY_BYTES, sequence: SEQUENCE_FINAL, witness: [], ...fields };
}

export function output(value: number, scriptPubKey: Uint8Array = OP_TRUE_SCRIPT): TxOutput {
  return { value, scriptPubKey };
}

export function transaction(fields: Partial<TxParts>): Transaction {
  return createTransaction({ version: 2, inputs: [], outputs: [], lockTime: 0, ...fields });
}

export interface SpendShape extends Partial<Omit<TxInput, 'prevout'>> {
  readonly version?: number;
  readonly lockTime?: number;
  /** By default one that takes all. */
  readonly outputs?: readonly TxOutput[];
}

/** Spends one coin. */
export function spendCoin({ prevout, value }: SceneCoin, shape: SpendShape = {}): Transaction {
  const { version = 2, lockTime = 0, outputs = [output(value)], ...fields } = shape;
  return transaction({ version, inputs: [input(prevout, fields)], outputs, lockTime });
}
