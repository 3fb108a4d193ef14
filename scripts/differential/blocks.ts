/** Blocks for both nodes, right or wrong in one or more of their rules. */
import { type BlockHash, concatBytes, EMPTY_BYTES, type Hash256, ZERO_HASH } from '../../src/base/bytes.ts';
import { blockMerkleRoot } from '../../src/consensus/merkle.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { checkProofOfWork } from '../../src/consensus/pow.ts';
import { blockSubsidy } from '../../src/consensus/subsidy.ts';
import { witnessCommitmentScript } from '../../src/consensus/witness-commitment.ts';
import { OPCODES, pushNumber } from '../../src/script/opcodes.ts';
import { MULTISIG_KEYS_MAX } from '../../src/script/templates.ts';
import { type Block, blockWeight, createBlock, createHeader } from '../../src/wire/block.ts';
import {
  createTransaction,
  NULL_INDEX,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
  WITNESS_SCALE_FACTOR,
} from '../../src/wire/transaction.ts';
import type { Dice } from './dice.ts';

const REGTEST = networkParams('regtest');
const MEDIAN_TIME_BLOCKS = 11;
const MONEY_MAX = 2_100_000_000_000_000;
const SIGOPS_COST_MAX = 80_000;
const WEIGHT_MAX = 4_000_000;
const FUTURE_SECONDS_MAX = 7_200;

/** A block that others may follow. */
export interface Place {
  readonly hash: BlockHash;
  readonly height: number;
  /** Of it and its ancestors, the last first: as many as the median needs. */
  readonly times: readonly number[];
}

export const GENESIS: Place = {
  hash: REGTEST.genesis.header.hash,
  height: 0,
  times: [REGTEST.genesis.header.time],
};

export function medianTime({ times }: Place): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1]!;
}

export function placeOf(block: Block, parent: Place): Place {
  const times = [block.header.time, ...parent.times].slice(0, MEDIAN_TIME_BLOCKS);
  return { hash: block.header.hash, height: parent.height + 1, times };
}

/** Everything of a block that can be wrong. */
export interface BlockDraft {
  version: number;
  prevHash: BlockHash;
  time: number;
  bits: number;
  coinbase: { version: number; input: TxInput; outputs: TxOutput[]; lockTime: number };
  /** In place of `coinbase`: one that exists already (BIP30). */
  oldCoinbase: Transaction | undefined;
  txs: Transaction[];
  commitment: 'right' | 'none' | 'wrong' | 'of another block' | 'twice';
  merkleRoot: 'right' | 'wrong' | 'of zeros';
  proofOfWork: 'done' | 'missing' | 'whatever';
  /** Of the transactions, the coinbase included, after the header was made. */
  rearrange: ((txs: Transaction[]) => Transaction[]) | undefined;
}

/** A valid one; it leaves the fees of `txs` to nobody. */
export function draftOn(
  parent: Place,
  tag: number,
  txs: readonly Transaction[],
  segwit: 'active' | 'not active',
): BlockDraft {
  const height = parent.height + 1;
  const scriptSig = concatBytes(pushNumber(height), Uint8Array.of(4, tag, tag >> 8, tag >> 16, tag >> 24));
  return {
    version: 0x2000_0000,
    prevHash: parent.hash,
    time: Math.max(parent.times[0]! + 1, medianTime(parent) + 1),
    bits: REGTEST.genesis.header.bits,
    coinbase: {
      version: 2,
      input: {
        prevout: { txid: ZERO_HASH, index: NULL_INDEX },
        scriptSig,
        sequence: SEQUENCE_FINAL,
        witness: segwit === 'active' ? [new Uint8Array(32)] : [],
      },
      outputs: [{ value: blockSubsidy(height, REGTEST), scriptPubKey: Uint8Array.of(OPCODES.OP_1) }],
      lockTime: 0,
    },
    oldCoinbase: undefined,
    txs: [...txs],
    commitment: segwit === 'active' ? 'right' : 'none',
    merkleRoot: 'right',
    proofOfWork: 'done',
    rearrange: undefined,
  };
}

export function finish(draft: BlockDraft): Block {
  const { version, input, outputs, lockTime } = draft.coinbase;
  const coinbaseWith = (extra: readonly TxOutput[]) =>
    createTransaction({ version, inputs: [input], outputs: [...outputs, ...extra], lockTime });
  const commitments = commitmentsOf(draft, coinbaseWith([]));
  const coinbase =
    draft.oldCoinbase ?? coinbaseWith(commitments.map(scriptPubKey => ({ value: 0, scriptPubKey })));
  let transactions = [coinbase, ...draft.txs];
  const merkleRoot = merkleRootOf(draft, transactions);
  const { prevHash, time, bits } = draft;
  let header = createHeader({ version: draft.version, prevHash, merkleRoot, time, bits, nonce: 0 });
  const wanted = draft.proofOfWork === 'done';
  while (
    draft.proofOfWork !== 'whatever' &&
    checkProofOfWork(header.hash, REGTEST.genesis.header.bits, REGTEST) !== wanted
  ) {
    header = createHeader({ ...header, nonce: header.nonce + 1 });
  }
  if (draft.rearrange !== undefined) transactions = draft.rearrange(transactions);
  return createBlock(header, transactions);
}

function commitmentsOf(draft: BlockDraft, coinbase: Transaction): Uint8Array[] {
  const reserved = draft.coinbase.input.witness[0] ?? EMPTY_BYTES;
  const right = witnessCommitmentScript({ transactions: [coinbase, ...draft.txs] }, reserved);
  const wrong = right.slice();
  wrong[wrong.length - 1]! ^= 1;
  switch (draft.commitment) {
    case 'right':
      return [right];
    case 'none':
      return [];
    case 'wrong':
      return [wrong];
    case 'of another block':
      return [witnessCommitmentScript({ transactions: [coinbase] }, reserved)];
    case 'twice':
      // The last one counts.
      return draft.time % 2 === 0 ? [wrong, right] : [right, wrong];
  }
}

function merkleRootOf(draft: BlockDraft, transactions: readonly Transaction[]): Hash256 {
  if (draft.merkleRoot === 'of zeros') return ZERO_HASH;
  const { root } = blockMerkleRoot({ transactions });
  return draft.merkleRoot === 'right' ? root : ((root.slice(1) + root.slice(0, 1)) as Hash256);
}

export interface ChangeContext {
  readonly parent: Place;
  readonly now: number;
  /** Of the transactions. */
  readonly fees: number;
  readonly sigopCost: number;
  readonly oldCoinbases: readonly Transaction[];
}

type Change = (dice: Dice, draft: BlockDraft, context: ChangeContext) => void;

const CHANGES: readonly (readonly [number, readonly [string, Change]])[] = [
  [2, ['version', (dice, draft) => { draft.version = dice.pick([-1, 0, 1, 2, 3, 4, 0x7fffffff, -0x80000000, 0x20000004]); }]],
  [4, ['time', (dice, draft, { parent, now }) => {
    const median = medianTime(parent);
    draft.time = dice.pick([median - 1, median, median + 1, now + FUTURE_SECONDS_MAX, now + FUTURE_SECONDS_MAX + 1, now, 0, 0xffffffff]);
  }]],
  [1, ['bits', (dice, draft) => { draft.bits = dice.pick([0x207ffffe, 0x1d00ffff, 0, 0x21008000, 0x20800000, 0xff7fffff, 0x01003456, 0x2100ffff]); }]],
  [1, ['proof of work', (_dice, draft) => { draft.proofOfWork = 'missing'; }]],
  [1, ['unknown parent', (dice, draft) => { draft.prevHash = Buffer.from(dice.bytes(32)).toString('latin1') as BlockHash; }]],
  [3, ['merkle root', (dice, draft) => { draft.merkleRoot = dice.pick(['wrong', 'of zeros']); }]],
  [6, ['commitment', (dice, draft) => { draft.commitment = dice.pick(['none', 'none', 'wrong', 'of another block', 'twice', 'twice']); }]],
  [4, ['reserved value', (dice, draft) => {
    const witness = dice.pick([[], [dice.bytes(31)], [dice.bytes(33)], [new Uint8Array(32), EMPTY_BYTES], [dice.bytes(32)], [EMPTY_BYTES]]);
    draft.coinbase.input = { ...draft.coinbase.input, witness };
  }]],
  [4, ['coinbase script', (dice, draft, { parent }) => {
    const height = pushNumber(parent.height + 1);
    const scriptSig = dice.pick([EMPTY_BYTES, height, pushNumber(parent.height), pushNumber(parent.height + 2), dice.bytes(2), concatBytes(height, dice.bytes(100 - height.length)), concatBytes(height, dice.bytes(101 - height.length)), concatBytes(Uint8Array.of(3, parent.height + 1, (parent.height + 1) >> 8, 0), dice.bytes(3)), dice.bytes(20)]);
    draft.coinbase.input = { ...draft.coinbase.input, scriptSig };
  }]],
  [1, ['coinbase prevout', (dice, draft) => {
    const txid = dice.chance(0.5) ? ZERO_HASH : (Buffer.from(dice.bytes(32)).toString('latin1') as typeof ZERO_HASH);
    draft.coinbase.input = { ...draft.coinbase.input, prevout: { txid, index: dice.pick([0, NULL_INDEX, NULL_INDEX - 1]) } };
  }]],
  [5, ['coinbase value', (dice, draft, { fees }) => {
    const [first, ...others] = draft.coinbase.outputs;
    if (first === undefined) return;
    const value = first.value + dice.pick([-1, 1, fees - 1, fees, fees, fees + 1, MONEY_MAX, -first.value, -first.value - 1]);
    draft.coinbase.outputs = [{ ...first, value }, ...others];
  }]],
  [2, ['old coinbase', (dice, draft, { oldCoinbases }) => { draft.oldCoinbase = dice.pick(oldCoinbases); }]],
  [1, ['coinbase without outputs', (_dice, draft) => { draft.coinbase.outputs = []; }]],
  [2, ['coinbase lock', (dice, draft, { parent }) => {
    draft.coinbase.lockTime = dice.pick([parent.height, parent.height + 1, parent.height + 2, 0xffffffff]);
    draft.coinbase.input = { ...draft.coinbase.input, sequence: dice.pick([0, 0xfffffffe, SEQUENCE_FINAL]) };
  }]],
  [1, ['coinbase version', (dice, draft) => { draft.coinbase.version = dice.edge() >>> 0; }]],
  [2, ['coinbase twice', (dice, draft) => { draft.txs.splice(dice.below(draft.txs.length + 1), 0, finish(draft).transactions[0]!); }]],
  [3, ['order', (_dice, draft) => { draft.txs.reverse(); }]],
  [3, ['transaction twice', (dice, draft) => { if (draft.txs.length > 0) draft.txs.splice(dice.below(draft.txs.length + 1), 0, dice.pick(draft.txs)); }]],
  [3, ['end repeated', (dice, draft) => { const count = dice.between(1, 3); draft.rearrange = txs => [...txs, ...txs.slice(-count)]; }]],
  [2, ['transaction missing', (dice, draft) => { const at = dice.below(4); draft.rearrange = txs => txs.filter((_, i) => i !== at); }]],
  [1, ['witness of another', (_dice, draft) => { draft.rearrange = txs => txs.map(withoutWitness); }]],
  [2, ['signature operations', (dice, draft, { sigopCost }) => { fillSigops(draft, sigopCost, dice.pick([-5, -1, 0, 0, 1, 1])); }]],
  [3, ['weight', (dice, draft) => {
    const weight = blockWeight(finish(draft));
    const spare = Math.floor((WEIGHT_MAX - weight) / 4) - 8 - 1 - 4 + dice.pick([-1, 0, 1, 1]);
    draft.coinbase.outputs.push({ value: 0, scriptPubKey: new Uint8Array(Math.max(0, spare)).fill(OPCODES.OP_RETURN) });
  }]],
]; // biome-ignore format: a table

/** One or two rules perhaps broken; returns what was done. */
export function changeDraft(dice: Dice, draft: BlockDraft, context: ChangeContext): string[] {
  return Array.from({ length: dice.chance(0.8) ? 1 : 2 }, () => {
    const [name, change] = dice.weighted(CHANGES);
    change(dice, draft, context);
    return name;
  });
}

/** To the limit of a block whose transactions have `sigopCost`, and `excess` operations of a legacy script over it. */
export function fillSigops(draft: BlockDraft, sigopCost: number, excess: number): void {
  // Of a legacy script each costs four; an OP_CHECKMULTISIG counts as twenty.
  const count = Math.max(0, Math.floor((SIGOPS_COST_MAX - sigopCost) / WITNESS_SCALE_FACTOR) + excess);
  const scriptPubKey = concatBytes(
    new Uint8Array(Math.floor(count / MULTISIG_KEYS_MAX)).fill(OPCODES.OP_CHECKMULTISIG),
    new Uint8Array(count % MULTISIG_KEYS_MAX).fill(OPCODES.OP_CHECKSIG),
  );
  draft.coinbase.outputs.push({ value: 0, scriptPubKey });
}

function withoutWitness(tx: Transaction): Transaction {
  if (!tx.hasWitness) return tx;
  const { version, inputs, outputs, lockTime } = tx;
  return createTransaction({
    version,
    inputs: inputs.map(input => ({ ...input, witness: [] })),
    outputs,
    lockTime,
  });
}
