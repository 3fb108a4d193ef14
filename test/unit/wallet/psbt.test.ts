/** A wallet's part in PSBTs: what it does not own it leaves alone, what it owns it updates, signs and finalizes. */
import { describe, expect, test } from 'vitest';
import { analyzePsbt } from '../../../src/psbt/analyze.ts';
import { combinePsbts } from '../../../src/psbt/combine.ts';
import { createPsbt, decodePsbt, encodePsbt, type Psbt } from '../../../src/psbt/psbt.ts';
import { extractTransaction } from '../../../src/psbt/sign.ts';
import { parseDescriptor } from '../../../src/script/descriptor.ts';
import { STANDARD_SCRIPT_FLAGS } from '../../../src/script/flags.ts';
import { verifyInputs } from '../../../src/script/verify.ts';
import { OUTPUT_TYPES } from '../../../src/wallet/descriptor-keeper.ts';
import { type FillOptions, fillPsbt } from '../../../src/wallet/psbt.ts';
import { fundTransaction } from '../../../src/wallet/spend.ts';
import type { Wallet } from '../../../src/wallet/wallet.ts';
import type { TxOutput } from '../../../src/wire/transaction.ts';
import { REGTEST_PREFIXES } from '../../support/prefixes.ts';
import {
  GENESIS_TIME,
  newWallet,
  plainTx,
  spendContext,
  strangeOutPoint,
  TestChain,
} from '../../support/wallet-chain.ts';

const { verifier } = spendContext();
const NOW = GENESIS_TIME + 1000;
const OTHERS: Uint8Array = Uint8Array.of(0, 20, ...new Array<number>(20).fill(7));
const SIGN: FillOptions = { role: 'signer', hashType: undefined, finalize: true, origins: 'shown' };
const UPDATE: FillOptions = { ...SIGN, role: 'updater' };

/** A chain that pays these scripts, told to the wallets. */
function payTo(
  scripts: readonly Uint8Array[],
  chain: TestChain,
  wallets: readonly Wallet[],
): readonly TxOutput[] {
  const outputs = scripts.map(scriptPubKey => ({ value: 100_000_000, scriptPubKey }));
  const blocks = [chain.connect([plainTx([strangeOutPoint(1)], outputs)])];
  for (let i = 0; i < 6; i += 1) blocks.push(chain.connect([]));
  for (const wallet of wallets) {
    for (const [i, block] of blocks.entries()) wallet.blockConnected(block, chain.height - 6 + i, NOW);
  }
  return outputs;
}

const again = (psbt: Psbt) => decodePsbt(encodePsbt(psbt));

describe.each([0, 2] as const)('PSBTs of version %i', version => {
  test.each(OUTPUT_TYPES)('are funded, updated, signed and extracted: %s', type => {
    const chain = new TestChain();
    const wallet = newWallet(chain, { fallbackFeeRate: 20_000 });
    const outputs = payTo([wallet.newAddress(type, '')], chain, [wallet]);
    const recipients = [{ script: OTHERS, amount: 50_000_000, subtractsFee: false }];
    const plan = fundTransaction(wallet, { recipients, changePosition: 1 }, spendContext());
    expect(plan.changePosition).toBe(1);
    const created = again(createPsbt(plan.tx, version));
    expect(analyzePsbt(created, verifier).next).toBe('updater');

    const updated = fillPsbt(wallet, created, UPDATE, verifier);
    expect(updated.isComplete).toBe(false);
    expect(analyzePsbt(updated.psbt, verifier).fee).toBe(BigInt(plan.fee));
    // The change is ours and tells its keys, the payment is not and tells nothing.
    const derivations = updated.psbt.outputs.map(
      output => output.bip32Derivations.size + output.tapDerivations.size,
    );
    expect(derivations).toEqual([0, 1]);

    const stranger = newWallet(new TestChain(), {}, 2);
    expect(encodePsbt(fillPsbt(stranger, updated.psbt, SIGN, verifier).psbt)).toEqual(
      encodePsbt(updated.psbt),
    );

    const signed = fillPsbt(wallet, again(updated.psbt), SIGN, verifier);
    expect(signed.isComplete).toBe(true);
    const tx = extractTransaction(again(signed.psbt), verifier)!;
    expect(verifyInputs({ tx, spent: outputs, flags: STANDARD_SCRIPT_FLAGS }, verifier)).toBe(undefined);
  });

  test.each([
    'wsh(multi(2,A,B))',
    'sh(multi(2,A,B))',
    'sh(wsh(sortedmulti(2,A,B)))',
    'tr(50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0,multi_a(2,A,B))',
  ])('are signed by two wallets and combined: %s', text => {
    const chain = new TestChain();
    const keys = [
      'cNaQCDwmmh4dS9LzCgVtyy1e1xjCJ21GUDHe9K98nzb689JvinGV',
      'cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N',
    ];
    const publicKeys = keys.map(key => parse(`wpkh(${key})`).expand(0)!.keys[0]!.publicKey);
    const hexes = publicKeys.map(key =>
      Buffer.from(text.startsWith('tr') ? key.subarray(1) : key).toString('hex'),
    );
    const wallets = keys.map((key, own) => {
      const wallet = newWallet(chain, { fallbackFeeRate: 20_000 });
      const names = hexes.map((hex, i) => (i === own ? key : hex));
      const descriptor = parse(text.replace('A', names[0]!).replace('B', names[1]!));
      wallet.keys.addDescriptor({ descriptor, timestamp: 0, rangeStart: 0, rangeEnd: 1, nextIndex: 0 });
      return wallet;
    });
    const script = parse(text.replace('A', hexes[0]!).replace('B', hexes[1]!)).expand(0)!.scripts[0]!;
    const outputs = payTo([script], chain, wallets);
    const [prevout] = [...wallets[0]!.history.coins()].map(coin => coin.outPoint);
    const tx = plainTx([prevout!], [{ value: 99_990_000, scriptPubKey: OTHERS }]);
    const created = createPsbt(tx, version);
    const halves = wallets.map(wallet => fillPsbt(wallet, created, SIGN, verifier));
    expect(halves.map(half => half.isComplete)).toEqual([false, false]);
    expect(extractTransaction(halves[0]!.psbt, verifier)).toBe(undefined);
    const whole = combinePsbts([again(halves[0]!.psbt), again(halves[1]!.psbt)])!;
    const final = extractTransaction(again(whole), verifier)!;
    expect(verifyInputs({ tx: final, spent: outputs, flags: STANDARD_SCRIPT_FLAGS }, verifier)).toBe(
      undefined,
    );
  });
});

function parse(text: string) {
  return parseDescriptor(text, { prefixes: REGTEST_PREFIXES, requireChecksum: false })[0]!;
}
