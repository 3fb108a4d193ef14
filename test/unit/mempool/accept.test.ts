/** Every reason for which a transaction is refused, once at least, as Core words it. */
import { describe, expect, test } from 'vitest';
import { hexToBytes, ZERO_HASH } from '../../../src/base/bytes.ts';
import { hash160 } from '../../../src/crypto/hashes.ts';
import { sha256 } from '../../../src/crypto/sha256.ts';
import type { MempoolOptions } from '../../../src/mempool/options.ts';
import { pushData } from '../../../src/script/opcodes.ts';
import { multisigScript, payToScriptHash, payToWitness } from '../../../src/script/templates.ts';
import { NULL_INDEX, type Transaction } from '../../../src/wire/transaction.ts';
import { coinbaseOf, mineBlock, OP_TRUE_SCRIPT } from '../../support/test-chain.ts';
import {
  build, COIN_VALUE, change, coin, FUNDED, funds, input, output, pay, TestPool, TRUE_PROGRAM, TRUE_SCRIPT_HASH,
  TRUE_SCRIPT_SIG, TRUE_WITNESS, type TxShape, witnessCoin, witnessInput,
} from '../../support/test-pool.ts'; // biome-ignore format: one list

const KEY = hexToBytes('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
const FEE = 10_000;
const PAID = COIN_VALUE - FEE;
const pool = new TestPool();

/** One coin to one output, with something about it changed. */
const simple = (shape: TxShape & { readonly script?: Uint8Array; readonly value?: number } = {}) =>
  build([input(coin(0))], [output(shape.value ?? PAID, shape.script)], shape);
const withSig = (scriptSig: Uint8Array) => build([input(coin(0), { scriptSig })], [output(PAID)]);
const opReturn = (bytes: number) => Uint8Array.of(0x6a, ...pushData(new Uint8Array(bytes)));

describe('by itself', () => {
  const table: readonly [reason: string, tx: () => Transaction, options?: Partial<MempoolOptions>][] = [
    ['bad-txns-vin-empty', () => build([], [output(1)])],
    ['bad-txns-vout-empty', () => build([input(coin(0))], [])],
    ['bad-txns-oversize', () => build([input(coin(0))], [output(0, new Uint8Array(1_000_000))])],
    ['bad-txns-vout-negative', () => simple({ value: -1 })],
    ['bad-txns-vout-toolarge', () => simple({ value: 21e14 + 1 })],
    ['bad-txns-txouttotal-toolarge', () => build([input(coin(0))], [output(21e14), output(1)])],
    ['bad-txns-inputs-duplicate', () => build([input(coin(0)), input(coin(0))], [output(PAID)])],
    ['bad-txns-prevout-null', () => build([input({ txid: ZERO_HASH, index: NULL_INDEX }), input(coin(0))], [output(PAID)])],
    ['bad-cb-length', () => build([input({ txid: ZERO_HASH, index: NULL_INDEX }, { scriptSig: Uint8Array.of(1) })], [output(PAID)])],
    ['coinbase', () => FUNDED[5]!.transactions[0]!],
    ['version', () => simple({ version: 0 })],
    ['version', () => simple({ version: 4 })],
    ['version', () => simple({ version: 0xffff_ffff })],
    ['tx-size', () => simple({ padding: 100_000 })],
    ['scriptsig-size', () => withSig(Uint8Array.of(...pushData(new Uint8Array(520)), ...pushData(new Uint8Array(520)), ...pushData(new Uint8Array(520)), ...pushData(new Uint8Array(100))))],
    ['scriptsig-not-pushonly', () => withSig(Uint8Array.of(0x61))],
    ['scriptpubkey', () => simple({ script: Uint8Array.of(0x51) })],
    ['scriptpubkey', () => simple({ script: multisigScript(1, [KEY, KEY, KEY, KEY]) })],
    ['bare-multisig', () => simple({ script: multisigScript(1, [KEY]) }), { permitBareMultisig: false }],
    ['datacarrier', () => build([input(coin(0))], [output(PAID), output(0, opReturn(40)), output(0, opReturn(40))]), { dataCarrierBytesMax: 83 }],
    ['dust', () => build([input(coin(0))], [output(PAID), output(539), output(539)])],
    ['dust, tx with dust output must be 0-fee', () => build([input(coin(0))], [output(PAID), output(539)])],
    ['tx-size-small', () => build([input(coin(0))], [output(PAID, Uint8Array.of(0x6a, 0x00))])],
    ['non-final', () => build([input(coin(0), { sequence: 0 })], [output(PAID)], { lockTime: 112 })],
    ['non-final', () => build([input(coin(0), { sequence: 0 })], [output(PAID)], { lockTime: 2_000_000_000 })],
    ['bad-txns-inputs-missingorspent', () => build([input({ txid: coin(0).txid, index: 9_999 })], [output(PAID)])],
    ['non-BIP68-final', () => build([input(coin(0), { sequence: 2 })], [output(PAID)])],
    ['non-BIP68-final', () => build([input(coin(0), { sequence: 0x40_0002 })], [output(PAID)])],
    ['bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99', () => build([input(coinbaseOf(FUNDED[12]!))], [output(PAID)])],
    ['bad-txns-in-belowout, value in (0.10) < value out (0.11)', () => simple({ value: 11_000_000 })],
    ['bad-txns-nonstandard-inputs, input 0 script unknown', () => build([input(coinbaseOf(FUNDED[5]!), { scriptSig: new Uint8Array(0) })], [output(PAID)])],
    ['bad-witness-nonstandard', () => build([witnessInput(witnessCoin(0), [new Uint8Array(81), OP_TRUE_SCRIPT])], [output(PAID)])],
    ['min relay fee not met, 8 < 9', () => simple({ value: COIN_VALUE - 8 })],
    ['min relay fee not met, 0 < 9', () => simple({ value: COIN_VALUE })],
    ['mempool-script-verify-flag-failed (Witness program hash mismatch), input 0 of', () => build([witnessInput(witnessCoin(0), [Uint8Array.of(0x52)])], [output(PAID)])],
    ['mempool-script-verify-flag-failed (Witness program was passed an empty witness), input 0 of', () => build([witnessInput(witnessCoin(0), [])], [output(PAID)])],
  ]; // biome-ignore format: a table
  test.each(table)('%s', (reason, tx, options) => {
    const where = options === undefined ? pool : new TestPool(options);
    const outcome = where.submit(tx());
    expect(reason.endsWith(' of') ? outcome.slice(0, reason.length) : outcome).toBe(reason);
    expect(where.mempool.size).toBe(0);
  });

  test('a script without its witness may have lost it on the way', () => {
    const result = pool.run(
      pool.mempool.submit(build([witnessInput(witnessCoin(0), [])], [output(PAID)]), {
        now: pool.now,
        origin: 'peer',
      }),
    );
    expect(result).toMatchObject({ status: 'rejected', reject: { kind: 'witness' } });
  });

  test('what is just allowed', () => {
    const fresh = new TestPool();
    const allowed = [
      build([input(coin(0))], [output(PAID - 540), output(540)]),
      build([input(coin(1))], [output(COIN_VALUE - 9)]),
      build([input(coin(2), { sequence: 1 })], [output(PAID)]),
      build([input(coin(3), { sequence: 0 })], [output(PAID)], { lockTime: 111 }),
      build([input(coin(4))], [output(PAID)], { lockTime: 0xffff_ffff }),
      build([input(coin(5))], [output(PAID)], { version: 1 }),
      build([input(coin(6))], [output(PAID, multisigScript(1, [KEY, KEY, KEY]))]),
      build([input(coin(7))], [output(PAID), output(0, opReturn(40)), output(0, opReturn(40))]),
      build([input(coin(8))], [output(PAID), output(0, opReturn(0))]),
      build([input(coin(9))], [output(PAID, payToWitness(5, new Uint8Array(32)))]),
      build([input(coin(10), { sequence: 0x8000_ffff })], [output(PAID)]),
      build([witnessInput(witnessCoin(0), [new Uint8Array(80), OP_TRUE_SCRIPT])], [output(PAID)]),
    ];
    const outcomes = allowed.map(tx => fresh.submit(tx));
    // The last is standard, and fails only because something is left on the stack.
    expect(outcomes.slice(0, -1)).toEqual(allowed.slice(0, -1).map(() => 'ok'));
    expect(outcomes.at(-1)).toMatch(/^mempool-script-verify-flag-failed/);
  });

  test('not standard is accepted where it may be', () => {
    const loose = new TestPool({ requireStandard: false });
    expect(
      loose.submit(
        build(
          [input(coinbaseOf(FUNDED[5]!), { scriptSig: new Uint8Array(0) })],
          [output(PAID, Uint8Array.of(0x51))],
          {
            version: 9,
            padding: 30,
          },
        ),
      ),
    ).toBe('ok');
    expect(loose.submit(build([input(coin(0))], [output(PAID), output(1), output(1)]))).toBe('ok');
    expect(loose.submit(build([input(coin(1))], [output(PAID, Uint8Array.of(0x6a))]))).toBe('tx-size-small');
  });
});

describe('inputs', () => {
  /** A coin of script `scriptPubKey`, spent by `scriptSig` and `witness`. */
  function spending(
    scriptPubKey: Uint8Array,
    scriptSig: Uint8Array,
    witness: readonly Uint8Array[] = [],
  ): string {
    const own = new TestPool();
    const funding = build([input(coin(0))], [output(PAID, scriptPubKey)]);
    own.connect(mineBlock(FUNDED.at(-1)!, 111, { transactions: [funding] }));
    return own.submit(
      build([input({ txid: funding.txid, index: 0 }, { scriptSig, witness })], [output(PAID - FEE)]),
    );
  }
  const p2sh = (script: Uint8Array) => payToScriptHash(hash160(script));
  const checkSigs = (count: number) => Uint8Array.of(...new Uint8Array(count).fill(0xac), 0x51);
  const table: readonly [string, Uint8Array, Uint8Array, (readonly Uint8Array[])?][] = [
    ['ok', TRUE_SCRIPT_HASH, TRUE_SCRIPT_SIG],
    ['ok', payToWitness(1, hexToBytes('4e73')), new Uint8Array(0)],
    ['bad-txns-nonstandard-inputs, input 0 P2SH redeemscript missing', TRUE_SCRIPT_HASH, new Uint8Array(0)],
    ['bad-txns-nonstandard-inputs, p2sh scriptsig malformed (input 0: Push value size limit exceeded)', TRUE_SCRIPT_HASH, pushData(new Uint8Array(521))],
    ['bad-txns-nonstandard-inputs, p2sh redeemscript sigops exceed limit (input 0: 16 > 15)', p2sh(checkSigs(16)), pushData(checkSigs(16))],
    ['bad-txns-nonstandard-inputs, input 0 witness program is undefined', payToWitness(2, new Uint8Array(32)), new Uint8Array(0)],
    ['bad-witness-nonstandard', TRUE_SCRIPT_HASH, TRUE_SCRIPT_SIG, [OP_TRUE_SCRIPT]],
    ['bad-witness-nonstandard', payToWitness(1, hexToBytes('4e73')), new Uint8Array(0), [OP_TRUE_SCRIPT]],
    ['bad-witness-nonstandard', payToWitness(1, KEY.slice(1)), new Uint8Array(0), [new Uint8Array(64), Uint8Array.of(0x50)]],
    ['bad-witness-nonstandard', payToWitness(1, KEY.slice(1)), new Uint8Array(0), [new Uint8Array(64), new Uint8Array(0)]],
    ['bad-witness-nonstandard', payToWitness(1, KEY.slice(1)), new Uint8Array(0), [new Uint8Array(81), OP_TRUE_SCRIPT, Uint8Array.of(0xc0, ...new Uint8Array(32))]],
    ['bad-witness-nonstandard', p2sh(TRUE_PROGRAM), pushData(TRUE_PROGRAM), [new Uint8Array(81), OP_TRUE_SCRIPT]],
    ['bad-witness-nonstandard', TRUE_PROGRAM, new Uint8Array(0), [...Array.from({ length: 101 }, () => new Uint8Array(0)), OP_TRUE_SCRIPT]],
    ['bad-witness-nonstandard', TRUE_PROGRAM, new Uint8Array(0), [new Uint8Array(3_601)]],
    ['ok', p2sh(TRUE_PROGRAM), pushData(TRUE_PROGRAM), TRUE_WITNESS],
  ]; // biome-ignore format: a table
  test.each(table)('%s', (reason, scriptPubKey, scriptSig, witness) => {
    expect(spending(scriptPubKey, scriptSig, witness)).toBe(reason);
  });

  test('too many signature operations', () => {
    // 15 in each P2SH script: 167 inputs are 2,505, more than BIP54 allows; 2,500 cost four each.
    const script = checkSigs(15);
    const own = new TestPool();
    const funding = build(
      [input(coin(0))],
      Array.from({ length: 167 }, () => output(50_000, p2sh(script))),
    );
    own.connect(mineBlock(FUNDED.at(-1)!, 111, { transactions: [funding] }));
    const spend = (count: number) =>
      build(
        Array.from({ length: count }, (_, index) =>
          input({ txid: funding.txid, index }, { scriptSig: pushData(script) }),
        ),
        [output(100_000)],
      );
    expect(own.submit(spend(167))).toBe('bad-txns-nonstandard-inputs, non-witness sigops exceed bip54 limit');
    const loose = new TestPool({ requireStandard: false });
    const many = Uint8Array.of(...new Uint8Array(200).fill(0xae), 0x51);
    const manySigOps = build([input(coin(0))], [output(PAID, many)], { padding: 100 });
    expect(loose.submit(manySigOps)).toBe('ok');
    const tooMany = build([input(coin(1))], [output(PAID, Uint8Array.of(...many, 0xac))], { padding: 100 });
    expect(loose.submit(tooMany)).toBe('bad-txns-too-many-sigops, 16004');
  });
});

describe('against what is here', () => {
  test('what was mined', () => {
    const own = new TestPool();
    const tx = own.add(pay([funds(0)], FEE));
    own.connect(mineBlock(FUNDED.at(-1)!, 111, { transactions: [tx] }));
    expect(own.submit(tx)).toBe('txn-already-known');
  });

  test('the same again, and with another witness', () => {
    const own = new TestPool();
    const script = hexToBytes('7551');
    const program = payToWitness(0, sha256(script));
    const funding = build([input(coin(0))], [output(PAID, program)]);
    const block = mineBlock(FUNDED.at(-1)!, 111, { transactions: [funding] });
    own.connect(block);
    const spend = (item: number) =>
      build(
        [witnessInput({ txid: funding.txid, index: 0 }, [Uint8Array.of(item), script])],
        [output(PAID - FEE)],
      );
    expect(own.submit(spend(1))).toBe('ok');
    expect(own.submit(spend(1))).toBe('txn-already-in-mempool');
    expect(own.submit(spend(2))).toBe('txn-same-nonwitness-data-in-mempool');
  });

  test('a fee that can only be a mistake', () => {
    const own = new TestPool();
    expect(own.submit(pay([funds(0)], FEE), { maxFee: FEE - 1 })).toBe('max-fee-exceeded');
    expect(own.submit(pay([funds(0)], FEE), { maxFee: FEE, origin: 'local' })).toBe('ok');
    const [waiting] = own.mempool.unbroadcast();
    expect(own.mempool.unbroadcast().size).toBe(1);
    own.mempool.markBroadcast(waiting!);
    expect(own.mempool.unbroadcast().size).toBe(0);
  });

  test('spends of outputs that a mempool transaction does not have', () => {
    const own = new TestPool();
    const parent = own.add(pay([funds(0)], FEE));
    expect(own.submit(pay([{ prevout: { txid: parent.txid, index: 1 }, value: 1000 }], 100))).toBe(
      'bad-txns-inputs-missingorspent',
    );
    expect(own.submit(pay([change(parent)], FEE))).toBe('ok');
  });

  test('a relative lock counts from the next block for unconfirmed parents', () => {
    const own = new TestPool();
    const parent = own.add(pay([funds(0)], FEE));
    const child = (sequence: number) =>
      build([input(change(parent).prevout, { sequence })], [output(PAID - FEE)]);
    expect(own.submit(child(1))).toBe('non-BIP68-final');
    expect(own.submit(child(0))).toBe('ok');
  });
});

test('a cluster has a count, and room for more or none', () => {
  const limited = new TestPool({ clusterCountMax: 3, clusterSizeMax: 1_000 });
  const parent = limited.add(pay([funds(0)], FEE, { count: 3 }));
  const child = limited.add(pay([change(parent)], FEE));
  const other = limited.add(pay([funds(1)], FEE));
  const counts = [parent, child, other, pay([funds(2)], FEE)].map(tx =>
    limited.mempool.clusterCountOf(tx.txid),
  );
  expect(counts).toEqual([2, 2, 1, 0]);
  const fits = (...args: Parameters<typeof pay>) => limited.mempool.keepsClusterLimits(pay(...args));
  expect(fits([change(parent, 1)], FEE)).toBe(true);
  // Four together, and three that are too large.
  expect(fits([change(child), change(other)], FEE)).toBe(false);
  expect(fits([change(parent, 1)], FEE, { padding: 800 })).toBe(false);
  // The rest of what speaks against it does not count.
  expect(fits([change(other)], -FEE)).toBe(true);
});

describe('what a child pays for its parents, so that they are mined at its rate', () => {
  const mine = new TestPool();
  const poor = mine.add(pay([funds(0)], 200, { count: 2 }));
  const rich = mine.add(pay([funds(1)], 20_000, { count: 2 }));
  const both = mine.add(pay([change(poor), change(rich)], 300));
  const helper = mine.add(pay([change(poor, 1)], 50_000));
  const lone = mine.add(pay([funds(2)], 400));
  const sizes = (...txs: readonly Transaction[]) => txs.reduce((sum, tx) => sum + tx.virtualSize, 0);
  test.each([
    ['of nobody here', [pay([funds(3)], FEE)], 10_000, 0],
    ['of one alone', [lone], 10_000, sizes(lone) * 10 - 400],
    ['at a rate that it pays itself', [lone], 1_000, 0],
    ['of one that another child has paid for', [poor], 10_000, 0],
    ['of one whose ancestors pay enough', [both], 10_000, sizes(both) * 10 - 300],
    ['of two together', [both, lone, lone], 10_000, sizes(both, lone) * 10 - 700],
    [
      'where the dearest of them lifts nobody',
      [helper, poor],
      1_000_000,
      sizes(helper, poor) * 1_000 - 50_200,
    ],
  ] as const)('%s', (_, txs, rate, fee) => {
    expect(
      mine.mempool.combinedBumpFee(
        txs.map(tx => tx.txid),
        rate,
      ),
    ).toBe(fee);
  });
});
