/**
 * Regtest chains for measuring, the same from the same seed: coinbases ripen, fan out into coins of all kinds, and are
 * spent by signed transactions of two inputs and two outputs, with a consolidation of many inputs now and then. Blocks
 * are ten minutes apart. What comes out is what Core's `blk*.dat` hold, so that any node can load it.
 */
import { type BlockHash, concatBytes, EMPTY_BYTES, type Hash256, ZERO_HASH } from '../../src/base/bytes.ts';
import { type Random, randomBelow, SeededRandom } from '../../src/base/random.ts';
import { blockMerkleRoot } from '../../src/consensus/merkle.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { checkProofOfWork } from '../../src/consensus/pow.ts';
import { blockSubsidy } from '../../src/consensus/subsidy.ts';
import { witnessCommitmentScript } from '../../src/consensus/witness-commitment.ts';
import { pushNumber } from '../../src/script/opcodes.ts';
import { PrecomputedTx } from '../../src/script/sighash.ts';
import { type Block, type BlockHeader, createBlock, createHeader } from '../../src/wire/block.ts';
import { Writer } from '../../src/wire/codec.ts';
import {
  createTransaction,
  NULL_INDEX,
  type OutPoint,
  SEQUENCE_FINAL,
  type Transaction,
  type TxOutput,
} from '../../src/wire/transaction.ts';
import { createOwner, type Owner, type OwnerKind } from './owners.ts';

export const REGTEST = networkParams('regtest');
const SPACING_SECONDS = 600;
const BLOCK_VERSION = 0x2000_0000;
/** Blocks before the first coinbase can be spent. */
const MATURITY = 100;
/** Blocks that fan out, and coins that each makes at most. */
const FAN_OUT_BLOCKS = 20;
const FAN_OUT_MAX = 2_500;
/** Owners of each kind. */
const OWNERS = 100;
/** Inputs of a consolidation; one such transaction a block. */
const CONSOLIDATION_INPUTS = 100;
const FEE = 300;

export interface ChainRecipe {
  readonly seed: number;
  /** Inputs to be spent, about. */
  readonly inputs: number;
  readonly kinds: readonly OwnerKind[];
  /** Height of the last block with transactions; more than 120. */
  readonly height: number;
  /** Blocks with nothing but a coinbase above that. */
  readonly emptyBlocks: number;
  /** One signature in the last block with transactions is wrong: only who assumes the chain to be valid takes it. */
  readonly signatures: 'good' | 'one bad';
}

export interface MadeChain {
  readonly tipHash: BlockHash;
  readonly height: number;
  /** By height, from 1. */
  readonly hashes: readonly BlockHash[];
  readonly inputs: number;
}

interface OwnedCoin {
  readonly outPoint: OutPoint;
  readonly output: TxOutput;
  readonly owner: Owner;
}

/** Gives each block, lowest first, to `take`. */
export function makeChain(recipe: ChainRecipe, take: (block: Block) => void): MadeChain {
  const maker = new ChainMaker(recipe, take);
  maker.run();
  return maker.result();
}

/** The block as it stands in a block file. */
export function framed(block: Block): Uint8Array {
  const w = new Writer(8 + block.raw.length);
  w.put(REGTEST.magic);
  w.u32(block.raw.length);
  w.put(block.raw);
  return w.finish();
}

/** Headers of empty blocks from genesis on, solved: a chain that only headers can be asked of. */
export function* makeHeaders(count: number): Generator<BlockHeader, void, void> {
  let parent = REGTEST.genesis.header;
  for (let height = 1; height <= count; height += 1) {
    const merkleRoot = (String.fromCharCode(height & 255, (height >> 8) & 255, (height >> 16) & 255) +
      '\0'.repeat(29)) as Hash256;
    parent = solve(parent.hash, parent.time + SPACING_SECONDS, merkleRoot);
    yield parent;
  }
}

class ChainMaker {
  readonly #recipe: ChainRecipe;
  readonly #take: (block: Block) => void;
  readonly #random: Random;
  readonly #owners: readonly Owner[];
  readonly #miner: Owner;
  readonly #hashes: BlockHash[] = [];
  readonly #rewards: OwnedCoin[] = [];
  /** Oldest first. */
  readonly #coins: OwnedCoin[] = [];
  #parent: BlockHeader = REGTEST.genesis.header;
  #inputs = 0;

  constructor(recipe: ChainRecipe, take: (block: Block) => void) {
    this.#recipe = recipe;
    this.#take = take;
    this.#random = new SeededRandom(recipe.seed);
    this.#owners = recipe.kinds.flatMap(kind =>
      Array.from({ length: OWNERS }, () => createOwner(kind, this.#random)),
    );
    this.#miner = createOwner('p2wpkh', this.#random);
  }

  run(): void {
    const { height, inputs, emptyBlocks, signatures } = this.#recipe;
    const spendingBlocks = height - MATURITY - FAN_OUT_BLOCKS;
    for (let i = 0; i < MATURITY; i += 1) this.#mine([]);
    const fanOut = Math.min(FAN_OUT_MAX, Math.ceil(inputs / 2 / FAN_OUT_BLOCKS));
    for (let i = 0; i < FAN_OUT_BLOCKS; i += 1) this.#mine([this.#fanOut(fanOut)]);
    for (let i = 1; i <= spendingBlocks; i += 1) {
      const due = Math.round((inputs * i) / spendingBlocks) - this.#inputs;
      const transactions = this.#spendingTransactions(due);
      this.#mine(i === spendingBlocks && signatures === 'one bad' ? spoilLast(transactions) : transactions);
    }
    for (let i = 0; i < emptyBlocks; i += 1) this.#mine([]);
  }

  result(): MadeChain {
    const height = this.#hashes.length;
    return { tipHash: this.#parent.hash, height, hashes: this.#hashes, inputs: this.#inputs };
  }

  #fanOut(count: number): Transaction {
    const coin = this.#rewards.shift()!;
    const value = Math.floor(coin.output.value / count) - FEE;
    return this.#spend(
      [coin],
      Array.from({ length: count }, () => value),
    );
  }

  #spendingTransactions(inputs: number): Transaction[] {
    const transactions: Transaction[] = [];
    let left = inputs;
    if (left > 4 * CONSOLIDATION_INPUTS) {
      const coins = this.#coins.splice(0, CONSOLIDATION_INPUTS);
      transactions.push(this.#spend(coins, [totalOf(coins) - FEE * coins.length]));
      left -= coins.length;
    }
    while (left > 0) {
      // One that may be young, one of the oldest.
      const young = this.#coins.splice(randomBelow(this.#random, this.#coins.length), 1);
      const coins = [...young, ...this.#coins.splice(0, 1)];
      const half = Math.floor((totalOf(coins) - FEE) / 2);
      transactions.push(this.#spend(coins, [half, half]));
      left -= coins.length;
    }
    return transactions;
  }

  #spend(coins: readonly OwnedCoin[], values: readonly number[]): Transaction {
    const owners = values.map(() => this.#owners[randomBelow(this.#random, this.#owners.length)]!);
    const unsigned = {
      version: 2,
      inputs: coins.map(({ outPoint }) => ({
        prevout: outPoint,
        scriptSig: EMPTY_BYTES,
        sequence: SEQUENCE_FINAL,
        witness: [] as readonly Uint8Array[],
      })),
      outputs: values.map((value, i) => ({ value, scriptPubKey: owners[i]!.scriptPubKey })),
      lockTime: 0,
    };
    const precomputed = new PrecomputedTx(
      unsigned,
      coins.map(({ output }) => output),
    );
    const inputs = unsigned.inputs.map((input, i) => ({ ...input, ...coins[i]!.owner.sign(precomputed, i) }));
    const tx = createTransaction({ ...unsigned, inputs });
    tx.outputs.forEach((output, index) => {
      this.#coins.push({ outPoint: { txid: tx.txid, index }, output, owner: owners[index]! });
    });
    this.#inputs += coins.length;
    return tx;
  }

  #mine(transactions: readonly Transaction[]): void {
    const height = this.#hashes.length + 1;
    const reserved = new Uint8Array(32);
    const hasWitness = transactions.some(tx => tx.hasWitness);
    const reward = { value: blockSubsidy(height, REGTEST), scriptPubKey: this.#miner.scriptPubKey };
    const coinbaseWith = (outputs: readonly TxOutput[]) =>
      createTransaction({
        version: 2,
        inputs: [
          {
            prevout: { txid: ZERO_HASH, index: NULL_INDEX },
            scriptSig: concatBytes(pushNumber(height), Uint8Array.of(0)),
            sequence: SEQUENCE_FINAL,
            witness: hasWitness ? [reserved] : [],
          },
        ],
        outputs,
        lockTime: 0,
      });
    let coinbase = coinbaseWith([reward]);
    if (hasWitness) {
      const script = witnessCommitmentScript({ transactions: [coinbase, ...transactions] }, reserved);
      coinbase = coinbaseWith([reward, { value: 0, scriptPubKey: script }]);
    }
    const all = [coinbase, ...transactions];
    const { root } = blockMerkleRoot({ transactions: all });
    this.#parent = solve(this.#parent.hash, this.#parent.time + SPACING_SECONDS, root);
    this.#hashes.push(this.#parent.hash);
    this.#rewards.push({ outPoint: { txid: coinbase.txid, index: 0 }, output: reward, owner: this.#miner });
    this.#take(createBlock(this.#parent, all));
  }
}

function totalOf(coins: readonly OwnedCoin[]): number {
  return coins.reduce((sum, { output }) => sum + output.value, 0);
}

/** The last one's first signature signs something else: as well formed as before. */
function spoilLast(transactions: readonly Transaction[]): Transaction[] {
  const last = transactions.at(-1)!;
  return [
    ...transactions.slice(0, -1),
    createTransaction({
      version: last.version,
      lockTime: last.lockTime,
      inputs: last.inputs,
      outputs: last.outputs.map((output, i) => (i === 0 ? { ...output, value: output.value - 1 } : output)),
    }),
  ];
}

function solve(prevHash: BlockHash, time: number, merkleRoot: Hash256): BlockHeader {
  const { bits } = REGTEST.genesis.header;
  for (let nonce = 0; ; nonce += 1) {
    const header = createHeader({ version: BLOCK_VERSION, prevHash, merkleRoot, time, bits, nonce });
    if (checkProofOfWork(header.hash, bits, REGTEST)) return header;
  }
}
