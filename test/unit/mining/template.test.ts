import { expect, test } from 'vitest';
import { bytesToHex, hashToHex, type Txid } from '../../../src/base/bytes.ts';
import { HeaderTree } from '../../../src/chain/header-tree.ts';
import { checkBlock, contextualCheckBlock } from '../../../src/consensus/block.ts';
import { Deployments } from '../../../src/consensus/deployments.ts';
import { contextualCheckBlockHeader } from '../../../src/consensus/header.ts';
import { networkParams } from '../../../src/consensus/networks.ts';
import { overrideParams } from '../../../src/consensus/overrides.ts';
import type { MempoolEntry } from '../../../src/mempool/mempool-view.ts';
import type { TemplatePool } from '../../../src/mining/selection.ts';
import { solveBlock } from '../../../src/mining/solve.ts';
import { createTemplate, type TemplateContext } from '../../../src/mining/template.ts';
import { decodeAddress } from '../../../src/script/address.ts';
import type { Block } from '../../../src/wire/block.ts';
import { createTransaction, SEQUENCE_FINAL, type Transaction } from '../../../src/wire/transaction.ts';

const regtest = networkParams('regtest');
const GENESIS_TIME = 1_296_688_602;

/** What bitcoind 31.99 makes of: setmocktime 1296688602, generatetoaddress 450 mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z. */
const CORE_HASHES = new Map([
  [1, '4a31ceeaab3807a7441be5f951d86a4682a217bff37123f34196e2709d852f5e'],
  [16, '013e02eb179e14e1645114d08712b8c9f00e640ab091216d3e4590bc397bfe47'],
  [17, '53b393dcd9bc326814655c6724a4c3ce96fbf5e1621aff7a0d812ef706ff1087'],
  [128, '5dbe40296894a432627e8250658fa4bb06b27a9a28e641a7d76e702ef2f6c513'],
  [144, '470efe8e49ce9d1ffeb80d924326a2558760a0dfb7e586d8e73c5c62875d4a6b'],
  [150, '50154047a882d0859af75c63aab67382f1630d2d53b3f8937f0b21820274e519'],
  [151, '24e44c12572c2978554e40fa346eb01575e413035d7a40562de92c01bf05d50a'],
  [288, '66cd1e7e0b0b1ad46bfd308f57ac5246dc3800eb2e0bf8c67dc35902977d8a75'],
  [432, '31838245fe5f1cc47387707b642c5ed48b06267d0bc4513b0c23c0a8cc9748fc'],
  [450, '0154b4585377e2179c7512b1c3c4e26c141495838ba88b7e223d02e5d1f06154'],
]);
/** The raw block of height 1 there. */
const CORE_BLOCK_1 =
  '0000002006226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f35b99ed4e2e165de2ad77f1bba48049358c9bb740445f3c83ebdb3e83aa5bca8dbe5494dffff7f200000000001020000000001010000000000000000000000000000000000000000000000000000000000000000ffffffff025100feffffff0200f2052a010000001976a9142b4569203694fc997e13f2c0a1383b9e16c77a0d88ac0000000000000000266a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf90120000000000000000000000000000000000000000000000000000000000000000000000000';

const ADDRESS = decodeAddress('mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z', regtest.address).scriptPubKey;

function start(params = regtest): TemplateContext {
  const headers = new HeaderTree();
  const parent = headers.add(params.genesis.header);
  const deployments = new Deployments(headers, params);
  return { params, headers, deployments, parent, now: GENESIS_TIME * 1000, scriptPubKey: ADDRESS };
}

function mineOn(context: TemplateContext): { block: Block; next: TemplateContext } {
  const { params, headers, parent, now } = context;
  const block = solveBlock(createTemplate(context, undefined).block, 100_000, params)!;
  checkBlock(block, params);
  contextualCheckBlockHeader(block.header, parent, { headers: headers as HeaderTree, params, now });
  contextualCheckBlock(block, parent, { headers, params });
  return { block, next: { ...context, parent: (headers as HeaderTree).add(block.header) } };
}

test('empty regtest blocks are those of Bitcoin Core, bit for bit', () => {
  let context = start();
  for (let height = 1; height <= 450; height += 1) {
    const { block, next } = mineOn(context);
    if (height === 1) expect(bytesToHex(block.raw)).toBe(CORE_BLOCK_1);
    const expected = CORE_HASHES.get(height);
    if (expected !== undefined) expect(hashToHex(block.header.hash), `height ${height}`).toBe(expected);
    context = next;
  }
});

test('without segwit there is a commitment, but no witness', () => {
  const { block } = mineOn(start(overrideParams(regtest, { activationHeights: ['segwit@100'] })));
  expect(block.transactions[0]!.hasWitness).toBe(false);
  expect(block.transactions[0]!.outputs).toHaveLength(2);
});

test('the version may be set on test chains', () => {
  expect(createTemplate(start(), undefined, { version: 4 }).block.header.version).toBe(4);
});

/** Transactions as a pool in the order given; `clusters` says which belong together. */
function poolOf(rows: readonly Row[]): TemplatePool {
  const entries = rows.map((row, i) => entryOf(row, i));
  const indexOf = (txid: Txid): number => entries.findIndex(entry => entry.tx.txid === txid);
  const related = (txid: Txid, relation: 'parents' | 'children'): Txid[] => {
    const index = indexOf(txid);
    return entries
      .filter((_, i) => (relation === 'parents' ? rows[index]!.parent === i : rows[i]!.parent === index))
      .map(entry => entry.tx.txid);
  };
  return {
    entries: () => entries.toReversed(),
    compareMiningOrder: (a, b) => indexOf(a) - indexOf(b),
    chunkOf: txid => {
      const members = entries.filter((_, i) => rows[i]!.chunk === rows[indexOf(txid)]!.chunk);
      return {
        fee: members.reduce((sum, { modifiedFee }) => sum + modifiedFee, 0),
        weight: members.reduce((sum, { tx }) => sum + tx.weight, 0),
      };
    },
    parentsOf: txid => related(txid, 'parents'),
    childrenOf: txid => related(txid, 'children'),
  };
}

interface Row {
  readonly fee: number;
  readonly chunk: number;
  readonly parent?: number;
  readonly bytes?: number;
  readonly sigopCost?: number;
  readonly lockTime?: number;
}

function entryOf({ fee, bytes = 100, sigopCost = 0, lockTime = 0 }: Row, i: number): MempoolEntry {
  const tx: Transaction = createTransaction({
    version: 2,
    inputs: [
      {
        prevout: { txid: '\x07'.repeat(32) as Txid, index: i },
        scriptSig: new Uint8Array(bytes),
        sequence: SEQUENCE_FINAL - 1,
        witness: [],
      },
    ],
    outputs: [{ value: 1000, scriptPubKey: Uint8Array.of(0x51) }],
    lockTime,
  });
  return {
    tx,
    fee,
    modifiedFee: fee,
    weight: tx.weight,
    virtualSize: tx.virtualSize,
    sigopCost,
    time: 0,
    entryHeight: 0,
    sequence: i,
    spendsCoinbase: false,
    chunkFeeRate: 0,
  };
}

const CASES: readonly [
  name: string,
  rows: readonly Row[],
  included: readonly number[],
  maxWeight?: number,
][] = [
  [
    'all that pays',
    [
      { fee: 900, chunk: 0 },
      { fee: 500, chunk: 1 },
    ],
    [0, 1],
  ],
  [
    'nothing below the least fee rate',
    [
      { fee: 900, chunk: 0 },
      { fee: 0, chunk: 1 },
    ],
    [0],
  ],
  [
    'a child that pays for its parent, the parent first',
    [
      { fee: 0, chunk: 0 },
      { fee: 900, chunk: 0, parent: 0 },
    ],
    [0, 1],
  ],
  [
    'what comes after a chunk that is too large',
    [
      { fee: 900, chunk: 0, bytes: 2_000 },
      { fee: 500, chunk: 1 },
    ],
    [1],
    10_000,
  ],
  [
    'nothing that belongs to a chunk that was passed over',
    [
      { fee: 9_000, chunk: 0, bytes: 2_000 },
      { fee: 500, chunk: 1, parent: 0 },
      { fee: 400, chunk: 2 },
    ],
    [2],
    10_000,
  ],
  [
    'no transaction that is locked',
    [
      { fee: 900, chunk: 0, lockTime: 5 },
      { fee: 500, chunk: 1 },
    ],
    [1],
  ],
  [
    'signature operations up to the limit',
    [
      { fee: 900, chunk: 0, sigopCost: 70_000 },
      { fee: 800, chunk: 1, sigopCost: 9_600 },
      { fee: 700, chunk: 2 },
    ],
    [0, 2],
  ],
];

test.each(CASES)('a template takes %s', (_name, rows, included, maxWeight) => {
  const context = start();
  const pool = poolOf(rows);
  const options = maxWeight === undefined ? {} : { maxWeight };
  const template = createTemplate(context, pool, options);
  const expected = included.map(i => entryOf(rows[i]!, i).tx.txid);
  expect(template.block.transactions.slice(1).map(tx => tx.txid)).toEqual(expected);
  const fees = included.reduce((sum, i) => sum + rows[i]!.fee, 0);
  expect(template.block.transactions[0]!.outputs[0]!.value).toBe(5_000_000_000 + fees);
  checkBlock(template.block, regtest, { checkPow: false });
  contextualCheckBlock(template.block, context.parent, context);
});
