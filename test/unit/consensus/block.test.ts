/** Blocks that break one rule each, with Core's reason for it. */
import { describe, expect, test } from 'vitest';
import { type BlockHash, concatBytes, type Txid, ZERO_HASH } from '../../../src/base/bytes.ts';
import { HeaderTree } from '../../../src/chain/header-tree.ts';
import { checkBlock, contextualCheckBlock, isBlockMutated } from '../../../src/consensus/block.ts';
import { type Coin, keyAt, type OutPointKey, outPointKey } from '../../../src/consensus/coin.ts';
import { checkConnect, needsOverwriteCheck } from '../../../src/consensus/connect.ts';
import { checkBlockHeader, contextualCheckBlockHeader } from '../../../src/consensus/header.ts';
import { blockMerkleRoot } from '../../../src/consensus/merkle.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import { overrideParams } from '../../../src/consensus/overrides.ts';
import type { ChainParams } from '../../../src/consensus/params.ts';
import { Reject } from '../../../src/consensus/reject.ts';
import { witnessCommitmentScript } from '../../../src/consensus/witness-commitment.ts';
import { type Block, createBlock, createHeader, type HeaderParts } from '../../../src/wire/block.ts';
import {
  createTransaction,
  NULL_INDEX,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
  type TxParts,
} from '../../../src/wire/transaction.ts';

const regtest = networkParams('regtest');
const SUBSIDY = 5_000_000_000;
const OP_TRUE = Uint8Array.of(0x51);
const CHECKSIG = 0xac;

function input(fields: Partial<TxInput> = {}): TxInput {
  const prevout = { txid: '\x01'.repeat(32) as Txid, index: 0 };
  return { prevout, scriptSig: new Uint8Array(0), sequence: SEQUENCE_FINAL, witness: [], ...fields };
}

function tx(fields: Partial<TxParts> = {}): Transaction {
  const outputs = [{ value: 1000, scriptPubKey: OP_TRUE }];
  return createTransaction({ version: 2, inputs: [input()], outputs, lockTime: 0, ...fields });
}

const NULL_PREVOUT = { txid: ZERO_HASH, index: NULL_INDEX };

/** Of the block at height 1. */
function coinbase(
  fields: Partial<TxParts> & { readonly scriptSig?: Uint8Array; readonly witness?: Uint8Array[] } = {},
) {
  const { scriptSig = Uint8Array.of(0x51, 0), witness = [], ...rest } = fields;
  const outputs = [{ value: SUBSIDY, scriptPubKey: OP_TRUE }];
  return tx({ inputs: [input({ prevout: NULL_PREVOUT, scriptSig, witness })], outputs, ...rest });
}

function blockOf(transactions: readonly Transaction[], header: Partial<HeaderParts> = {}): Block {
  const parts = {
    version: 4,
    prevHash: regtest.genesis.header.hash,
    merkleRoot: blockMerkleRoot({ transactions }).root,
    time: regtest.genesis.header.time + 1,
    bits: 0x207f_ffff,
    nonce: 0,
    ...header,
  };
  return createBlock(createHeader(parts), transactions);
}

function reasonOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof Reject) return error.text;
    throw error;
  }
}

const output = (value: number, scriptPubKey: Uint8Array = OP_TRUE): TxOutput => ({ value, scriptPubKey });

describe('without context', () => {
  const other = tx();
  const big = tx({ outputs: [output(0, new Uint8Array(1_000_000))] });
  test.each<[string, string | undefined, readonly Transaction[], Partial<HeaderParts>?]>([
    ['nothing wrong', undefined, [coinbase(), other]],
    ['another merkle root', 'bad-txnmrklroot', [coinbase()], { merkleRoot: ZERO_HASH }],
    ['a repeated end', 'bad-txns-duplicate', [coinbase(), other, big, big]],
    ['no transactions', 'bad-blk-length', []],
    ['too large without witnesses', 'bad-blk-length', [coinbase(), big]],
    ['no coinbase', 'bad-cb-missing', [other]],
    ['two coinbases', 'bad-cb-multiple', [coinbase(), coinbase({ lockTime: 1 })]],
    ['a short coinbase', 'bad-cb-length', [coinbase({ scriptSig: new Uint8Array(1) })]],
    ['a long coinbase', 'bad-cb-length', [coinbase({ scriptSig: new Uint8Array(101) })]],
    ['no outputs', 'bad-txns-vout-empty', [coinbase(), tx({ outputs: [] })]],
    ['a negative output', 'bad-txns-vout-negative', [coinbase(), tx({ outputs: [output(-1)] })]],
    [
      'an output above all money',
      'bad-txns-vout-toolarge',
      [coinbase(), tx({ outputs: [output(21e14 + 1)] })],
    ],
    [
      'outputs above all money',
      'bad-txns-txouttotal-toolarge',
      [coinbase(), tx({ outputs: [output(21e14), output(1)] })],
    ],
    ['an input twice', 'bad-txns-inputs-duplicate', [coinbase(), tx({ inputs: [input(), input()] })]],
    [
      'a null input besides another',
      'bad-txns-prevout-null',
      [coinbase(), tx({ inputs: [input(), input({ prevout: NULL_PREVOUT })] })],
    ],
    [
      'too many signature checks',
      'bad-blk-sigops',
      [coinbase({ outputs: [output(0, new Uint8Array(20_001).fill(CHECKSIG))] })],
    ],
    [
      'as many as are allowed',
      undefined,
      [coinbase({ outputs: [output(0, new Uint8Array(20_000).fill(CHECKSIG))] })],
    ],
  ])('%s', (_name, reason, transactions, header) => {
    expect(reasonOf(() => checkBlock(blockOf(transactions, header), regtest, { checkPow: false }))).toBe(
      reason,
    );
  });

  test('a transaction without inputs, which no block on the wire can have', () => {
    const empty = tx({ inputs: [] });
    const check = () => checkBlock(blockOf([coinbase(), empty]), regtest, { checkPow: false });
    expect(reasonOf(check)).toBe('bad-txns-vin-empty');
  });

  test('no proof of work', () => {
    const solved = blockOf([coinbase()], { bits: 0x1d00_ffff });
    expect(reasonOf(() => checkBlockHeader(solved.header, regtest))).toBe('high-hash');
    expect(reasonOf(() => checkBlock(solved, regtest))).toBe('high-hash');
  });

  test('the fault of a transaction names it', () => {
    const bad = tx({ outputs: [] });
    expect(() => checkBlock(blockOf([coinbase(), bad]), regtest, { checkPow: false })).toThrow(
      /^bad-txns-vout-empty, Transaction check failed \(tx hash [0-9a-f]{64}\)/,
    );
  });
});

const RESERVED: Uint8Array = new Uint8Array(32);
const WITNESS_TX = tx({ inputs: [input({ witness: [Uint8Array.of(1)] })] });

/** A coinbase that commits to `others`. */
function committing(
  others: readonly Transaction[],
  witness: Uint8Array[] = [RESERVED],
  flip = 0,
): Transaction {
  const script = witnessCommitmentScript({ transactions: [coinbase(), ...others] }, RESERVED);
  script[20]! ^= flip;
  return coinbase({ outputs: [output(SUBSIDY), output(0, script)], witness });
}

function treeOf(params: ChainParams, count: number, spacing = 1): HeaderTree {
  const tree = new HeaderTree();
  tree.add(params.genesis.header);
  let prevHash: BlockHash = params.genesis.header.hash;
  for (let height = 1; height <= count; height += 1) {
    const time = params.genesis.header.time + height * spacing;
    const header = createHeader({
      version: 4,
      prevHash,
      merkleRoot: ZERO_HASH,
      time,
      bits: 0x207f_ffff,
      nonce: 0,
    });
    tree.add(header);
    prevHash = header.hash;
  }
  return tree;
}

describe('after genesis', () => {
  const { time } = regtest.genesis.header;
  const future = (lockTime: number) => tx({ inputs: [input({ sequence: 0 })], lockTime });
  const huge = tx({ inputs: [input({ witness: [new Uint8Array(4_000_000)] })] });
  test.each<[string, string | undefined, readonly Transaction[], string[]?]>([
    ['nothing wrong', undefined, [coinbase(), tx()]],
    ['a lock by height', 'bad-txns-nonfinal', [coinbase(), future(1)]],
    ['a lock by time that is not past the median', 'bad-txns-nonfinal', [coinbase(), future(time)]],
    ['the same before BIP113', undefined, [coinbase(), future(time)], ['csv@2']],
    ['another height in the coinbase', 'bad-cb-height', [coinbase({ scriptSig: Uint8Array.of(0x52, 0) })]],
    ['the height in a longer push', 'bad-cb-height', [coinbase({ scriptSig: Uint8Array.of(1, 1) })]],
    ['the same before BIP34', undefined, [coinbase({ scriptSig: Uint8Array.of(0x52, 0) })], ['bip34@2']],
    ['a witness without commitment', 'unexpected-witness', [coinbase(), WITNESS_TX]],
    ['a witness with commitment', undefined, [committing([WITNESS_TX]), WITNESS_TX]],
    ['the same before segwit', 'unexpected-witness', [committing([WITNESS_TX]), WITNESS_TX], ['segwit@2']],
    ['no reserved value', 'bad-witness-nonce-size', [committing([WITNESS_TX], []), WITNESS_TX]],
    ['a short one', 'bad-witness-nonce-size', [committing([WITNESS_TX], [new Uint8Array(31)]), WITNESS_TX]],
    ['another commitment', 'bad-witness-merkle-match', [committing([WITNESS_TX], [RESERVED], 1), WITNESS_TX]],
    ['too heavy', 'bad-blk-weight', [committing([huge]), huge]],
  ])('%s', (_name, reason, transactions, activationHeights = []) => {
    const params = overrideParams(regtest, { activationHeights });
    const headers = treeOf(params, 0);
    expect(reasonOf(() => contextualCheckBlock(blockOf(transactions), 0, { headers, params }))).toBe(reason);
  });

  test.each<[string, string | undefined, Partial<HeaderParts>, string[]?]>([
    ['nothing wrong', undefined, {}],
    ['other bits', 'bad-diffbits', { bits: 0x207f_fffe }],
    ['not after the median', 'time-too-old', { time }],
    ['two hours ahead', undefined, { time: time + 7_200 }],
    ['more than two hours ahead', 'time-too-new', { time: time + 7_201 }],
    ['version 1', 'bad-version(0x00000001)', { version: 1 }],
    ['version 3', 'bad-version(0x00000003)', { version: 3 }],
    ['a negative version', 'bad-version(0xffffffff)', { version: -1 }],
    ['version 3 before BIP65', undefined, { version: 3 }, ['cltv@2']],
    ['version 2 before BIP65', 'bad-version(0x00000002)', { version: 2 }, ['cltv@2']],
    ['version 1 before all', undefined, { version: 1 }, ['cltv@2', 'dersig@2', 'bip34@2']],
  ])('header: %s', (_name, reason, parts, activationHeights = []) => {
    const params = overrideParams(regtest, { activationHeights });
    const { header } = blockOf([coinbase()], parts);
    const checks = { headers: treeOf(params, 0), params, now: time * 1000 };
    expect(reasonOf(() => contextualCheckBlockHeader(header, 0, checks))).toBe(reason);
  });

  test('a period may not begin long before its parent under BIP94', () => {
    const params = { ...overrideParams(regtest, { enforceBip94: true }), powTargetTimespan: 600 * 12 };
    const headers = treeOf(params, 11, 300);
    const parentTime = headers.timeOf(11);
    const now = parentTime * 1000;
    const check = (at: number) => {
      const header = createHeader({ ...blockOf([]).header, prevHash: headers.hashOf(11), time: at });
      contextualCheckBlockHeader(header, 11, { headers, params, now });
    };
    expect(reasonOf(() => check(parentTime - 601))).toBe('time-timewarp-attack');
    expect(reasonOf(() => check(parentTime - 600))).toBeUndefined();
  });
});

test.each([
  ['as it was made', false, [committing([WITNESS_TX]), WITNESS_TX]],
  ['with another witness', true, [committing([tx()]), WITNESS_TX]],
  ['with a repeated end', true, [coinbase(), tx(), tx({ lockTime: 1 }), tx({ lockTime: 1 })]],
  ['without coinbase', false, [tx()]],
  [
    'without coinbase, but with what may be a node of the tree',
    true,
    [tx({ inputs: [input({ scriptSig: new Uint8Array(3) })], outputs: [output(0, new Uint8Array(1))] })],
  ],
] as const)('mutated: %s: %j', (_name, mutated, transactions) => {
  if (transactions[0]!.strippedSize === 64) expect(transactions).toHaveLength(1);
  expect(isBlockMutated(blockOf(transactions), 'expected')).toBe(mutated);
});

describe('onto the coins', () => {
  const HEIGHT = 200;
  const headers = treeOf(regtest, HEIGHT - 1, 600);
  const parent = HEIGHT - 1;
  const coin = (fields: Partial<Coin> = {}): Coin => {
    return { value: 10_000, scriptPubKey: OP_TRUE, height: 1, isCoinbase: false, ...fields };
  };
  const spending = (index: number, fields: Partial<TxParts> = {}, sequence = SEQUENCE_FINAL) =>
    tx({ inputs: [input({ prevout: { txid: '\x01'.repeat(32) as Txid, index }, sequence })], ...fields });
  const from = (made: Transaction, index = 0): Transaction =>
    tx({ inputs: [input({ prevout: { txid: made.txid, index } })], outputs: [output(500)] });
  const coins = new Map<OutPointKey, Coin>(
    [
      coin(),
      coin({ isCoinbase: true, height: 100 }),
      coin({ isCoinbase: true, height: 101 }),
      coin({ height: 195 }),
      coin({ value: 21e14 }),
      coin({ value: 21e14 }),
      coin({ scriptPubKey: concatBytes(Uint8Array.of(0, 32), new Uint8Array(32)) }),
    ].map((each, index) => [outPointKey('\x01'.repeat(32) as Txid, index), each]),
  );
  const reward = coinbase({ outputs: [output(SUBSIDY / 2)] });
  const first = spending(0);
  const unspendable = spending(0, { outputs: [output(1000, Uint8Array.of(0x6a))] });
  const connect = (
    transactions: readonly Transaction[],
    extra: ReadonlyMap<OutPointKey, Coin> = new Map(),
  ) => {
    const block = blockOf(transactions, { prevHash: headers.hashOf(parent) });
    const coinAt = (bytes: Uint8Array, start: number) =>
      extra.get(keyAt(bytes, start)) ?? coins.get(keyAt(bytes, start));
    return checkConnect(block, parent, { headers, params: regtest, coinAt });
  };

  test.each<[string, string | undefined, readonly Transaction[]]>([
    ['nothing wrong', undefined, [reward, first]],
    ['an output of the same block', undefined, [reward, first, from(first)]],
    ['one of a later transaction', 'bad-txns-inputs-missingorspent', [reward, from(first), first]],
    ['one that does not exist', 'bad-txns-inputs-missingorspent', [reward, first, from(first, 1)]],
    ['one that nobody can spend', 'bad-txns-inputs-missingorspent', [reward, unspendable, from(unspendable)]],
    ['a coin twice', 'bad-txns-inputs-missingorspent', [reward, first, spending(0, { lockTime: 1 })]],
    [
      // Found by scripts/differential.ts: what spends the first of them fails before the second does.
      'a lock that is not open between a transaction and itself once more',
      'bad-txns-nonfinal',
      [
        reward,
        first,
        tx({
          inputs: [input({ prevout: { txid: first.txid, index: 0 }, sequence: 1 })],
          outputs: [output(1)],
        }),
        first,
      ],
    ],
    ['an unknown coin', 'bad-txns-inputs-missingorspent', [reward, spending(99)]],
    ['a coinbase after a hundred blocks', undefined, [reward, spending(1)]],
    ['a coinbase one block too early', 'bad-txns-premature-spend-of-coinbase', [reward, spending(2)]],
    ["the block's own coinbase", 'bad-txns-premature-spend-of-coinbase', [reward, from(reward)]],
    ['more out than in', 'bad-txns-in-belowout', [reward, spending(0, { outputs: [output(10_001)] })]],
    [
      'more in than there is money',
      'bad-txns-inputvalues-outofrange',
      [reward, tx({ inputs: [spending(4).inputs[0]!, spending(5).inputs[0]!] })],
    ],
    [
      'more fees than there is money',
      'bad-txns-accumulated-fee-outofrange',
      [reward, spending(4, { outputs: [output(0)] }), spending(5, { outputs: [output(0)] })],
    ],
    ['a relative lock that is open', undefined, [reward, spending(3, {}, 5)]],
    ['one that is not', 'bad-txns-nonfinal', [reward, spending(3, {}, 6)]],
    ['a relative time that is open', undefined, [reward, spending(3, {}, 0x0040_0005)]],
    ['one that is not yet', 'bad-txns-nonfinal', [reward, spending(3, {}, 0x0040_0006)]],
    ['a coinbase with all fees', undefined, [coinbase({ outputs: [output(SUBSIDY / 2 + 9_000)] }), first]],
    ['a coinbase with more', 'bad-cb-amount', [coinbase({ outputs: [output(SUBSIDY / 2 + 9_001)] }), first]],
    [
      'witnesses with too many signature checks',
      'bad-blk-sigops',
      [
        reward,
        tx({ inputs: [{ ...spending(6).inputs[0]!, witness: [new Uint8Array(80_001).fill(CHECKSIG)] }] }),
      ],
    ],
  ])('%s', (_name, reason, transactions) => {
    expect(reasonOf(() => connect(transactions))).toBe(reason);
  });

  test('what comes out', () => {
    const second = from(first);
    const result = connect([reward, first, second]);
    expect(result.fees).toBe(9_500);
    const made = { value: 1000, scriptPubKey: OP_TRUE, height: HEIGHT, isCoinbase: false };
    expect(result.spent).toEqual([[coin()], [made]]);
    expect(result.scriptChecks.map(check => check.tx)).toEqual([first, second]);
    expect(result.scriptChecks[1]!.spent).toEqual([made]);
  });

  test('all failures are of consensus here, and name the transaction', () => {
    expect(() => connect([reward, spending(2)])).toThrow(
      expect.objectContaining({
        kind: 'consensus',
        detail: expect.stringMatching(/^tried to spend coinbase at depth 99 in transaction [0-9a-f]{64}$/),
      }),
    );
  });

  test('an unspent output may not be made again (BIP30)', () => {
    const extra = new Map([[outPointKey(first.txid, 0), coin()]]);
    expect(reasonOf(() => connect([reward, first], extra))).toBe('bad-txns-BIP30');
  });
});

test.each([
  ['below BIP34', 1, undefined, true],
  ['one of the two exceptions', 1, 'exception', false],
  ['above BIP34, on the known chain', 5, 'known', false],
  ['above BIP34, on another chain', 5, undefined, true],
] as const)('BIP30 is looked at %s: %j', (_name, parent, kind, needed) => {
  const headers = treeOf(regtest, 6);
  const hash = headers.hashOf(parent + 1);
  const params: ChainParams = {
    ...regtest,
    buried: { ...regtest.buried, bip34: 3 },
    bip34Hash: kind === 'known' ? headers.hashOf(3) : null,
    bip30Exceptions: kind === 'exception' ? new Map([[parent + 1, hash]]) : new Map(),
  };
  expect(needsOverwriteCheck(hash, parent, { headers, params })).toBe(needed);
});
