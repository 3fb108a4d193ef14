/** Sizes of inputs before they are signed: of each kind of script, as the wallet or others sign it. */
import { describe, expect, test } from 'vitest';
import { hexToBytes } from '../../../src/base/bytes.ts';
import { parseDescriptor } from '../../../src/script/descriptor.ts';
import { KeyStore } from '../../../src/script/signing-provider.ts';
import { signedInputWeight, signedTxWeight, solvingDataOf } from '../../../src/wallet/input-size.ts';
import { REGTEST_PREFIXES } from '../../support/prefixes.ts';

const KEY = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
const OTHER = '02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5';
/** Outpoint, sequence and the length of the scriptSig, which is less than 253 but for one. */
const BASE = 41 * 4;

function solved(text: string) {
  const [descriptor] = parseDescriptor(text, { prefixes: REGTEST_PREFIXES, requireChecksum: false });
  const expansion = descriptor!.expand(0)!;
  const provider = new KeyStore();
  provider.addExpansion(expansion);
  const output = { value: 1, scriptPubKey: expansion.scripts[0]! };
  return { output, data: solvingDataOf(output.scriptPubKey, provider) };
}

describe('an input', () => {
  test.each([
    ['pkh', `pkh(${KEY})`, BASE + (72 + 34) * 4 + 1, 4],
    ['pk', `pk(${KEY})`, BASE + 72 * 4 + 1, 4],
    ['multisig', `multi(2,${KEY},${OTHER})`, BASE + (1 + 2 * 72) * 4 + 1, 8],
    ['P2SH of pkh', `sh(pkh(${KEY}))`, BASE + (72 + 34 + 26) * 4 + 1, 4],
    ['P2WPKH', `wpkh(${KEY})`, BASE + 1 + 72 + 34, 1],
    ['P2WPKH in P2SH', `sh(wpkh(${KEY}))`, BASE + 23 * 4 + 1 + 72 + 34, 1],
    ['P2WSH', `wsh(multi(1,${KEY},${OTHER}))`, BASE + 1 + 1 + 72 + 1 + 71, 1],
    ['P2WSH in P2SH', `sh(wsh(pkh(${KEY})))`, BASE + 35 * 4 + 1 + 72 + 34 + 26, 1],
    ['taproot', `tr(${KEY})`, BASE + 1 + 66, 0],
  ] as const)('of %s has this weight, and so much more when others sign', (_, text, weight, more) => {
    const input = solved(text);
    expect(signedInputWeight(input, { txHasWitness: true })).toBe(weight);
    expect(signedInputWeight({ ...input, signer: 'others' }, { txHasWitness: true })).toBe(weight + more);
  });

  test.each([`pkh(${KEY})`, `wpkh(${KEY})`, `sh(multi(1,${KEY}))`, `wsh(pk(${KEY}))`, `sh(wpkh(${KEY}))`])(
    'of %s is a riddle to who knows neither key nor script, unless its weight is told',
    text => {
      const { output } = solved(text);
      const data = solvingDataOf(output.scriptPubKey, new KeyStore());
      expect(data).toBeUndefined();
      expect(signedInputWeight({ output, data }, { txHasWitness: true })).toBeUndefined();
      expect(signedInputWeight({ output, data, weight: 500 }, { txHasWitness: true })).toBe(500);
      expect(signedTxWeight([{ output, data }], [])).toBeUndefined();
    },
  );

  test('a transaction has a witness when an output asks for one, whatever is known of it', () => {
    const { output } = solved(`wpkh(${KEY})`);
    expect(signedTxWeight([{ output, data: undefined, weight: 500 }], [])).toBe(10 * 4 + 2 + 500);
    const plain = { value: 1, scriptPubKey: hexToBytes('51') };
    expect(signedTxWeight([{ output: plain, data: undefined, weight: 500 }], [])).toBe(10 * 4 + 500);
  });
});
