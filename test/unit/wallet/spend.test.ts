import { describe, expect, test } from 'vitest';
import { equalBytes, type Txid } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { keyOf } from '../../../src/chain/coin.ts';
import { parseDescriptor } from '../../../src/script/descriptor.ts';
import { SIGHASH_ALL } from '../../../src/script/encoding.ts';
import { STANDARD_SCRIPT_FLAGS } from '../../../src/script/flags.ts';
import { signTransaction } from '../../../src/script/sign-transaction.ts';
import { verifyInputs } from '../../../src/script/verify.ts';
import { balanceOf, valueOut } from '../../../src/wallet/balance.ts';
import { createBump } from '../../../src/wallet/bump-fee.ts';
import { OUTPUT_TYPES, type OutputType } from '../../../src/wallet/descriptor-keeper.ts';
import type { FeeSource } from '../../../src/wallet/fees.ts';
import type { WalletOptions } from '../../../src/wallet/options.ts';
import { seenWeightMax } from '../../../src/wallet/seen-weight.ts';
import { createSpend, fundTransaction, type SpendPlan } from '../../../src/wallet/spend.ts';
import type { Recipient, SpendRequest } from '../../../src/wallet/spend-request.ts';
import { Wallet } from '../../../src/wallet/wallet.ts';
import { createTransaction, type TxOutput } from '../../../src/wire/transaction.ts';
import { REGTEST_PREFIXES } from '../../support/prefixes.ts';
import {
  CHEAP_SCRYPT,
  GENESIS_TIME,
  newWallet,
  plainTx,
  spendContext,
  strangeOutPoint,
  TEST_FEES,
  TestChain,
  walletOptions,
} from '../../support/wallet-chain.ts';

const BTC = 100_000_000;
const NOW = GENESIS_TIME + 1000;
const BALANCE = { minDepth: 0, avoidReuse: false, includeNonmempool: false };
const OTHERS: Uint8Array = Uint8Array.of(0, 20, ...new Array<number>(20).fill(7));

/** A wallet with confirmed coins of these values, each to an address of the type. */
function fundedWallet(
  values: readonly number[],
  type: OutputType = 'bech32',
  options: Partial<WalletOptions> = {},
  seed = 1,
): { wallet: Wallet; chain: TestChain } {
  const chain = new TestChain();
  const wallet = newWallet(chain, { fallbackFeeRate: 20_000, ...options }, seed);
  const outputs = values.map(value => ({ value, scriptPubKey: wallet.newAddress(type, '') }));
  for (let i = 0; i < 7; i += 1) {
    const txs = i === 0 ? [plainTx([strangeOutPoint(1)], outputs)] : [];
    wallet.blockConnected(chain.connect(txs), chain.height, NOW);
  }
  return { wallet, chain };
}

const pay = (amount: number, subtractsFee = false, script: Uint8Array = OTHERS): Recipient => ({
  script,
  amount,
  subtractsFee,
});

function spend(wallet: Wallet, request: SpendRequest, fees: FeeSource = TEST_FEES): SpendPlan {
  return createSpend(wallet, request, { ...spendContext(), fees });
}

function spentOutputs(wallet: Wallet, { tx }: SpendPlan): TxOutput[] {
  return tx.inputs.map(({ prevout }) => wallet.history.coin(keyOf(prevout))!.output);
}

describe('a spend', () => {
  test.each(OUTPUT_TYPES)('of %s coins is valid, and pays the rate asked for', type => {
    const { wallet } = fundedWallet([BTC, BTC], type);
    const plan = spend(wallet, { recipients: [pay(1.5 * BTC)] });
    const spent = spentOutputs(wallet, plan);
    const { verifier } = spendContext();
    expect(verifyInputs({ tx: plan.tx, spent, flags: STANDARD_SCRIPT_FLAGS }, verifier)).toBeUndefined();
    expect(valueOut(spent) - valueOut(plan.tx.outputs)).toBe(plan.fee);
    expect(plan.fee / plan.tx.virtualSize).toBeGreaterThanOrEqual(20);
    expect(plan.fee / plan.tx.virtualSize).toBeLessThan(20.4);
    expect(plan.changePosition).toBeTypeOf('number');
    expect(plan.feeReason).toBe('Fallback fee');
    expect(plan.tx.inputs.every(input => input.sequence === 0xffff_fffd)).toBe(true);
  });

  test('of exactly what is there makes no change', () => {
    const { wallet } = fundedWallet([BTC]);
    const probe = spend(wallet, { recipients: [pay(BTC, true)] });
    expect(probe.changePosition).toBeUndefined();
    const plan = spend(wallet, { recipients: [pay(BTC - probe.fee)] });
    expect(plan.changePosition).toBeUndefined();
    expect(plan.tx.outputs).toHaveLength(1);
  });

  test('takes the fee from recipients in equal shares, the first paying the remainder', () => {
    const { wallet } = fundedWallet([BTC]);
    const script = (n: number) => Uint8Array.of(0, 20, ...new Array<number>(20).fill(n));
    const plan = spend(wallet, { recipients: [1, 2, 3].map(n => pay(BTC / 4, true, script(n))) });
    const paid = [1, 2, 3].map(
      n => plan.tx.outputs.find(({ scriptPubKey }) => equalBytes(scriptPubKey, script(n)))!.value,
    );
    const share = Math.trunc(plan.fee / 3);
    expect(paid).toEqual([BTC / 4 - share - (plan.fee % 3), BTC / 4 - share, BTC / 4 - share]);
  });

  const { wallet } = fundedWallet([BTC]);
  const refusals: readonly [name: string, request: SpendRequest, message: string][] = [
    ['nobody', { recipients: [] }, 'Transaction must have at least one recipient'],
    ['dust', { recipients: [pay(293)] }, 'Transaction amount too small'],
    ['more than there is', { recipients: [pay(2 * BTC)] }, 'Insufficient funds'],
    [
      'all without room for the fee',
      { recipients: [pay(BTC)] },
      'The total exceeds your balance when the 0.0000084 transaction fee is included.',
    ],
    [
      'a fee larger than the amount',
      { recipients: [pay(1000, true)] },
      'The transaction amount is too small to pay the fee',
    ],
    [
      'a rate below the minimum',
      { recipients: [pay(BTC / 2)], feeRate: 999 },
      'Fee rate (0.999 sat/vB) is lower than the minimum fee rate setting (1.000 sat/vB).\nConsider modifying -mintxfee (1.000 sat/vB) or -minrelaytxfee (0.100 sat/vB).',
    ],
    [
      'a fee above -maxtxfee',
      { recipients: [pay(BTC / 2)], feeRate: 100_000_000 },
      'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)',
    ],
  ];
  test.each(refusals)('to %s is refused', (_, request, message) => {
    expect(() => spend(wallet, request)).toThrow(message);
  });

  test('without an estimate needs the fallback fee', () => {
    const poor = fundedWallet([BTC], 'bech32', { fallbackFeeRate: 0 }).wallet;
    expect(() => spend(poor, { recipients: [pay(BTC / 2)] })).toThrow(
      'Fee estimation failed. Fallbackfee is disabled. Wait a few blocks or enable -fallbackfee.',
    );
    const fees = { ...TEST_FEES, estimate: () => ({ feeRate: 3000, reason: 'Target 85% Threshold' }) };
    expect(spend(poor, { recipients: [pay(BTC / 2)] }, fees).feeReason).toBe('Target 85% Threshold');
  });

  test('locks to the next block only while the tip is recent', () => {
    const { wallet, chain } = fundedWallet([BTC]);
    const lockTimes = Array.from({ length: 20 }, (_, seed) => {
      const plan = createSpend(wallet, { recipients: [pay(BTC / 2)] }, spendContext(seed));
      return plan.tx.lockTime;
    });
    expect(lockTimes.filter(lockTime => lockTime === chain.height).length).toBeGreaterThan(10);
    const stale = { ...spendContext(), tipTime: NOW - 9 * 3600, now: NOW };
    expect(createSpend(wallet, { recipients: [pay(BTC / 2)] }, stale).tx.lockTime).toBe(0);
  });

  test('follows the recipient in the type of its change', () => {
    const { wallet } = fundedWallet([BTC]);
    for (const type of OUTPUT_TYPES) {
      const { script } = wallet.keys.reserve(type, 'receive');
      const plan = spend(wallet, { recipients: [pay(BTC / 2, false, script)] });
      const change = plan.tx.outputs[plan.changePosition!]!;
      expect(wallet.keys.owners(change.scriptPubKey)[0]!.keeper.outputType).toBe(type);
    }
  });

  test.each([
    [30_000, false],
    [30_001, true],
  ])('at %i, with a long-term rate of 10000, looks for few inputs: %s', (feeRate, few) => {
    const values = [...new Array<number>(40).fill(20_000), 300_000, 250_000];
    const { wallet } = fundedWallet(values, 'bech32', { maxApsFee: -1 });
    const counts = Array.from({ length: 8 }, (_, seed) => {
      // Of payments that are so small no more change is aimed at than the two large coins leave.
      const request = { recipients: new Array<Recipient>(18).fill(pay(22_500)), feeRate };
      return createSpend(wallet, request, spendContext(seed)).tx.inputs.length;
    });
    expect(counts.every(count => count === 2)).toBe(few);
  });

  test('leaves locked coins alone', () => {
    const { wallet } = fundedWallet([BTC, 2 * BTC]);
    const [first] = [...wallet.history.coins()];
    wallet.locks.lock(first!.key, 'volatile');
    expect(() => spend(wallet, { recipients: [pay(2.5 * BTC)] })).toThrow('Insufficient funds');
    wallet.locks.unlock(first!.key);
    expect(spend(wallet, { recipients: [pay(2.5 * BTC)] }).tx.inputs).toHaveLength(2);
  });
});

describe('coins of one address', () => {
  /** Two addresses, one of two coins, of which each suffices for a quarter; the other's does not. */
  function wallet(options: Partial<WalletOptions> = {}, flags: { readonly avoidsReuse?: boolean } = {}) {
    const chain = new TestChain();
    const made = newWallet(chain, { fallbackFeeRate: 20_000, ...options }, 1, 'test', flags);
    const [first, second] = [made.newAddress('bech32', ''), made.newAddress('bech32', '')];
    const outputs = [
      { value: BTC, scriptPubKey: first },
      { value: BTC / 10, scriptPubKey: second },
      { value: BTC, scriptPubKey: first },
    ];
    made.blockConnected(chain.connect([plainTx([strangeOutPoint(1)], outputs)]), chain.height, NOW);
    const spender = (requested: Omit<SpendRequest, 'recipients'> = {}) =>
      Array.from({ length: 20 }, (_, seed) => {
        const request = { recipients: [pay(BTC / 4)], ...requested };
        const plan = createSpend(made, request, spendContext(seed));
        return spentOutputs(made, plan).map(output => (equalBytes(output.scriptPubKey, first) ? 1 : 2));
      });
    return { made, chain, first, spender };
  }
  const together = (spent: number[][]) =>
    spent.every(numbers => numbers.filter(number => number === 1).length === 2);

  test.each<[options: Partial<WalletOptions>, request: Omit<SpendRequest, 'recipients'>]>([
    [{ avoidsPartialSpends: true }, {}],
    [{}, { avoidsPartialSpends: true }],
    // An input more has 68 bytes, at 20 satoshi each.
    [{ maxApsFee: 1_360 }, {}],
  ])('are spent together with %o, %o', (options, request) => {
    expect(together(wallet(options).spender(request))).toBe(true);
  });

  test.each<[options: Partial<WalletOptions>, request: Omit<SpendRequest, 'recipients'>]>([
    [{ maxApsFee: -1 }, {}],
    [{ maxApsFee: 1_339 }, {}],
    [{ avoidsPartialSpends: true }, { avoidsPartialSpends: false }],
  ])('are spent one by one with %o, %o', (options, request) => {
    const asked = { maxApsFee: -1, ...options };
    expect(together(wallet(asked).spender(request))).toBe(false);
  });

  test('that was spent from before are left alone on demand only', () => {
    const { made, chain, first } = wallet({}, { avoidsReuse: true });
    const coins = [...made.history.coins()].filter(({ output }) => equalBytes(output.scriptPubKey, first));
    const { tx } = spend(made, { recipients: [pay(BTC / 4)], preset: [coins[0]!], onlyPreset: true });
    made.blockConnected(chain.connect([tx]), chain.height, NOW);
    // One address and the change are clean.
    const most = { recipients: [pay(1.5 * BTC)] };
    expect(() => spend(made, { ...most, avoidReuse: true })).toThrow('Insufficient funds');
    expect(spend(made, most).tx.inputs.length).toBeGreaterThanOrEqual(2);
  });
});

test('a wallet without private keys leaves room for signatures of others', () => {
  const { wallet, chain } = fundedWallet([BTC], 'legacy');
  const deps = { headers: chain.headers, random: new SeededRandom(1), scryptCost: CHEAP_SCRYPT };
  const watching = new Wallet('watching', deps, walletOptions({ fallbackFeeRate: 20_000 }));
  const flags = { disablesPrivateKeys: true, isBlank: true, avoidsReuse: false };
  watching.initialize({ ...flags, position: { height: 0, hash: chain.blocks[0]!.header.hash }, now: NOW });
  const { text } = wallet.keys.active('legacy', 'receive')!;
  const [descriptor] = parseDescriptor(text, { prefixes: REGTEST_PREFIXES, requireChecksum: true });
  const range = { rangeStart: 0, rangeEnd: 5, nextIndex: 0 };
  watching.importDescriptor({ descriptor: descriptor!, timestamp: 0, ...range });
  for (const [height, block] of chain.blocks.entries()) watching.blockConnected(block, height, NOW);
  const request = { recipients: [pay(BTC / 4)], changeScript: OTHERS, feeRate: 10_000 };
  const [own, theirs] = [wallet, watching].map(each => fundTransaction(each, request, spendContext()).fee);
  // One byte more, at ten satoshi.
  expect(theirs! - own!).toBe(10);
});

describe('an input of others', () => {
  const others = fundedWallet([BTC], 'bech32', {}, 2).wallet;
  const [theirs] = [...others.history.coins()];
  const preset = [{ key: theirs!.key, outPoint: theirs!.outPoint, output: theirs!.output }];
  const solving = others.keys.providerFor([theirs!.output.scriptPubKey]);
  const fundWith = (request: Partial<SpendRequest>) => {
    const { wallet } = fundedWallet([BTC]);
    const all = {
      recipients: [pay(1.5 * BTC)],
      preset,
      keepsOrder: true as const,
      feeRate: 10_000,
      ...request,
    };
    return fundTransaction(wallet, all, spendContext());
  };

  test('is spent like those of the wallet, which come after it', () => {
    const plan = fundWith({ solving });
    expect(plan.tx.inputs).toHaveLength(2);
    expect(keyOf(plan.tx.inputs[0]!.prevout)).toBe(theirs!.key);
    // Two inputs of P2WPKH, one with a signature of 71 bytes, the other of 72; two outputs.
    expect(plan.fee).toBe(10 * Math.ceil(10 + 41 * 2 + 31 * 2 + (2 + 107 + 108) / 4));
  });

  test('pays for the weight that the user tells, and keeps what it was given with', () => {
    const input = { sequence: 7, scriptSig: Uint8Array.of(), witness: [Uint8Array.of(1)] };
    const plan = fundWith({ preset: [{ ...preset[0]!, weight: 1000, input }], lockTime: 5 });
    expect(plan.fee).toBe(10 * Math.ceil(10 + 41 + 31 * 2 + (2 + 107 + 1000) / 4));
    expect(plan.tx.inputs[0]).toMatchObject(input);
  });

  test('of which nothing is known is refused', () => {
    expect(() => fundWith({})).toThrow(/^Not solvable pre-selected input COutPoint\([0-9a-f]{10}, 0\)$/);
  });

  test('with a sequence of its own leaves the lock time alone', () => {
    const input = { sequence: 0xffff_ffff, scriptSig: Uint8Array.of(), witness: [] };
    expect(fundWith({ solving }).tx.lockTime).toBeGreaterThan(0);
    expect(fundWith({ solving, preset: [{ ...preset[0]!, input }] }).tx.lockTime).toBe(0);
  });
});

describe('coins that are not confirmed', () => {
  /** A wallet with change alone, connected with so many transactions of the mempool. */
  function withChange(options: Partial<WalletOptions> = {}) {
    const { wallet } = fundedWallet([BTC], 'bech32', options);
    const { tx } = spend(wallet, { recipients: [pay(BTC / 4)] });
    wallet.commit(tx, {}, NOW);
    wallet.transactionAdded(tx, NOW);
    return wallet;
  }
  const TOO_LONG =
    'Unconfirmed UTXOs are available, but spending them creates a chain of transactions that will be rejected by the mempool';
  const table: readonly [
    ancestors: number,
    clusterCount: number,
    limits: { readonly ancestorCountMax: number; readonly descendantCountMax: number },
    options: Partial<WalletOptions>,
    error: string | undefined,
  ][] = [
    [1, 1, { ancestorCountMax: 25, descendantCountMax: 25 }, {}, undefined],
    [24, 24, { ancestorCountMax: 25, descendantCountMax: 25 }, {}, undefined],
    [25, 25, { ancestorCountMax: 25, descendantCountMax: 25 }, {}, TOO_LONG],
    [3, 25, { ancestorCountMax: 25, descendantCountMax: 25 }, {}, TOO_LONG],
    [5, 5, { ancestorCountMax: 6, descendantCountMax: 25 }, {}, undefined],
    [6, 6, { ancestorCountMax: 6, descendantCountMax: 25 }, {}, TOO_LONG],
    [2, 6, { ancestorCountMax: 25, descendantCountMax: 6 }, {}, TOO_LONG],
    [3, 3, { ancestorCountMax: 0, descendantCountMax: 0 }, {}, TOO_LONG],
    [25, 40, { ancestorCountMax: 25, descendantCountMax: 25 }, { rejectsLongChains: false }, undefined],
    [1, 1, { ancestorCountMax: 25, descendantCountMax: 25 }, { spendsZeroConfChange: false }, 'Insufficient funds'],
  ]; // biome-ignore format: a table
  test.each(table)(
    '%i ancestors, cluster of %i, %o, %o',
    (ancestors, clusterCount, limits, options, error) => {
      const wallet = withChange(options);
      const mempool = {
        ...spendContext().mempool,
        has: () => true,
        ancestorsOf: (txid: Txid) => new Array<Txid>(ancestors - 1).fill(txid),
        clusterCountOf: () => clusterCount,
        options: limits,
      };
      const attempt = () =>
        createSpend(wallet, { recipients: [pay(BTC / 4)] }, { ...spendContext(), mempool });
      if (error === undefined) expect(attempt().tx.inputs).toHaveLength(1);
      else expect(attempt).toThrow(error);
    },
  );

  describe('of version 3', () => {
    /** Two coins of the wallet, each spent by a transaction in the mempool with so many outputs to the wallet. */
    function withParents(counts: readonly number[], value: number) {
      const { wallet } = fundedWallet(counts.map(() => BTC));
      const parents = [...wallet.history.coins()].map(({ outPoint }, i) => {
        const outputs = Array.from({ length: counts[i]! }, () => ({
          value,
          scriptPubKey: wallet.newAddress('bech32', ''),
        }));
        const { inputs } = plainTx([outPoint], outputs);
        const tx = createTransaction({ version: 3, inputs, outputs, lockTime: 0 });
        wallet.transactionAdded(tx, NOW);
        return tx;
      });
      return { wallet, parents };
    }

    test('are of one parent, the one that makes more of them', () => {
      const { wallet, parents } = withParents([1, 3], 100_000);
      const { tx } = spend(wallet, { recipients: [pay(250_000)], version: 3, feeRate: 1_000 });
      expect(new Set(tx.inputs.map(({ prevout }) => prevout.txid))).toEqual(new Set([parents[1]!.txid]));
      const more = { recipients: [pay(350_000)], version: 3, feeRate: 1_000 };
      expect(() => spend(wallet, more)).toThrow('Insufficient funds');
    });

    test('are so many as fit into a child', () => {
      const { wallet } = withParents([30], 10_000);
      const request = (amount: number) => ({ recipients: [pay(amount)], version: 3, feeRate: 1_000 });
      expect(spend(wallet, request(25_000)).tx.virtualSize).toBeLessThanOrEqual(1_000);
      expect(() => spend(wallet, request(200_000))).toThrow('The inputs size exceeds the maximum weight.');
      const recipients = Array.from({ length: 40 }, () => pay(1_000));
      expect(() => spend(wallet, { ...request(0), recipients })).toThrow(
        'Maximum transaction weight is less than transaction weight without inputs',
      );
    });
  });

  test('pay what their parents lack, once for parents that they share', () => {
    const { wallet } = fundedWallet([BTC, BTC]);
    const mempool = {
      ...spendContext().mempool,
      // Each lacks 1000, both together 1500.
      combinedBumpFee: (txids: Iterable<Txid>) => [0, 1_000, 1_500][[...txids].length]!,
    };
    const feeOf = (amount: number, context = spendContext()) =>
      createSpend(wallet, { recipients: [pay(amount)] }, context).fee;
    const bumped = { ...spendContext(), mempool };
    expect(feeOf(BTC / 2, bumped) - feeOf(BTC / 2)).toBe(1_000);
    expect(feeOf(1.5 * BTC, bumped) - feeOf(1.5 * BTC)).toBe(1_500);
  });

  test.each([true, false])(
    'of a cluster that is too large, with -walletrejectlongchains=%s',
    rejectsLongChains => {
      const { wallet } = fundedWallet([BTC], 'bech32', { rejectsLongChains });
      const mempool = { ...spendContext().mempool, keepsClusterLimits: () => false };
      const attempt = () =>
        createSpend(wallet, { recipients: [pay(BTC / 4)] }, { ...spendContext(), mempool });
      if (rejectsLongChains) expect(attempt).toThrow('too many unconfirmed transactions in cluster');
      else expect(attempt().tx.inputs).toHaveLength(1);
    },
  );
});

describe('a fee bump', () => {
  function sent(amount = BTC / 2) {
    const { wallet, chain } = fundedWallet([BTC, BTC]);
    const plan = spend(wallet, { recipients: [pay(amount)] });
    wallet.commit(plan.tx, {}, NOW);
    wallet.transactionAdded(plan.tx, NOW);
    const spendable = new Map(
      plan.tx.inputs.map(({ prevout }, i) => [keyOf(prevout), spentOutputs(wallet, plan)[i]!]),
    );
    const context = { ...spendContext(), spendable, hasMempoolDescendants: (_: Txid) => false };
    return { wallet, chain, plan, context };
  }

  test('spends the same coins, pays the same recipient and more to the miner', () => {
    const { wallet, plan, context } = sent();
    const bump = createBump(wallet, { txid: plan.tx.txid }, context);
    const inputs = bump.tx.inputs.map(({ prevout }) => keyOf(prevout));
    for (const { prevout } of plan.tx.inputs) expect(inputs).toContain(keyOf(prevout));
    expect(bump.oldFee).toBe(plan.fee);
    expect(bump.fee).toBeGreaterThanOrEqual(plan.fee + 5 * plan.tx.virtualSize);
    const paid = (outputs: readonly TxOutput[]) =>
      outputs.find(output => equalBytes(output.scriptPubKey, OTHERS))?.value;
    expect(paid(bump.tx.outputs)).toBe(paid(plan.tx.outputs));
  });

  test('at a chosen rate', () => {
    const { wallet, plan, context } = sent();
    const { txid } = plan.tx;
    const bump = createBump(wallet, { txid, feeRate: 50_000 }, context);
    expect(Math.round(bump.fee / bump.tx.virtualSize)).toBe(50);
    expect(() => createBump(wallet, { txid, feeRate: 20_000 }, context)).toThrow(
      /^Insufficient total fee 0\.0000/,
    );
    expect(() => createBump(wallet, { txid, feeRate: 50 }, context)).toThrow(
      'New fee rate (0.0000005) is lower than the minimum fee rate (0.000001) to get into the mempool -- ',
    );
    expect(() => createBump(wallet, { txid, feeRate: 100_000_000 }, context)).toThrow(
      /^Specified or calculated fee 0\.\d+ is too high \(cannot be higher than -maxtxfee 0\.10\)$/,
    );
  });

  describe('of what others have paid for, too', () => {
    /** Two coins of two wallets together, signed by both. */
    function joint() {
      const mine = fundedWallet([BTC]);
      const theirs = fundedWallet([BTC], 'bech32', {}, 2).wallet;
      const coins = [mine.wallet, theirs].map(wallet => [...wallet.history.coins()][0]!);
      const spent = coins.map(({ output }) => output);
      const unsigned = plainTx(
        coins.map(({ outPoint }) => outPoint),
        [{ value: 2 * BTC - 1_000, scriptPubKey: OTHERS }],
      );
      const { verifier } = spendContext();
      let tx = unsigned;
      for (const wallet of [mine.wallet, theirs]) {
        const provider = wallet.keys.providerFor(spent.map(({ scriptPubKey }) => scriptPubKey));
        tx = signTransaction({ tx, spent, provider, hashType: SIGHASH_ALL, verifier }).tx;
      }
      mine.wallet.commit(tx, {}, NOW);
      mine.wallet.transactionAdded(tx, NOW);
      const spendable = new Map(coins.map(({ key, output }) => [key, output]));
      const context = { ...spendContext(), spendable, hasMempoolDescendants: () => false };
      return { wallet: mine.wallet, tx, spent, context };
    }

    test('is not signed, and leaves room for the longest signature', () => {
      const { wallet, tx, context } = joint();
      const { txid } = tx;
      expect(() => createBump(wallet, { txid }, context)).toThrow(
        "Transaction contains inputs that don't belong to this wallet",
      );
      const recipients = [{ value: BTC, scriptPubKey: OTHERS }];
      const request = { txid, feeRate: 50_000, outputs: recipients, isForOthers: true } as const;
      const bump = createBump(wallet, request, context);
      expect(bump.oldFee).toBe(1_000);
      expect(bump.tx.inputs.map(({ witness }) => witness.length)).toEqual([0, 0]);
      expect(bump.fee).toBe(50 * Math.ceil(10 + 41 * 2 + 31 * 2 + (2 + 107 + 108) / 4));
    });

    test('the weight of a signed input counts each signature as the longest', () => {
      const { tx, spent, context } = joint();
      expect(seenWeightMax(tx, 1, spent, context.verifier)).toBe(41 * 4 + 1 + 1 + 72 + 34);
      // What is no signature counts as it is.
      const [first, second] = tx.inputs;
      const inputs = [first!, { ...second!, witness: [Uint8Array.of(7), second!.witness[1]!] }];
      const broken = createTransaction({ version: tx.version, inputs, outputs: tx.outputs, lockTime: 0 });
      expect(seenWeightMax(broken, 1, spent, context.verifier)).toBe(41 * 4 + 1 + 2 + 34);
    });
  });

  test('is possible again when what spent its change was abandoned', () => {
    const { wallet, plan, context } = sent();
    const { txid } = plan.tx;
    const child = plainTx([{ txid, index: plan.changePosition! }], [{ value: 1_000, scriptPubKey: OTHERS }]);
    wallet.commit(child, {}, NOW);
    expect(() => createBump(wallet, { txid }, context)).toThrow('Transaction has descendants in the wallet');
    wallet.history.abandon(child.txid);
    expect(createBump(wallet, { txid }, context).fee).toBeGreaterThan(plan.fee);
  });

  test('is refused when nobody needs it', () => {
    const { wallet, chain, plan, context } = sent();
    const { txid } = plan.tx;
    expect(() => createBump(wallet, { txid: 'x'.repeat(32) as Txid }, context)).toThrow(
      'Invalid or non-wallet transaction id',
    );
    expect(() => createBump(wallet, { txid }, { ...context, hasMempoolDescendants: () => true })).toThrow(
      'Transaction has descendants in the mempool',
    );
    expect(() => createBump(wallet, { txid }, { ...context, spendable: new Map() })).toThrow(
      /is already spent$/,
    );
    const bump = createBump(wallet, { txid }, context);
    wallet.commit(bump.tx, { replaces: txid }, NOW);
    wallet.history.markReplaced(txid, bump.tx.txid);
    expect(() => createBump(wallet, { txid }, context)).toThrow(/which was already bumped by transaction/);
    wallet.blockConnected(chain.connect([bump.tx]), chain.height, NOW);
    expect(() => createBump(wallet, { txid }, context)).toThrow(/has been mined, or is conflicted/);
    expect(balanceOf(wallet, BALANCE).trusted).toBe(1.5 * BTC - bump.fee);
  });
});
