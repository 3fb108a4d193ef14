/** The table of known scripts, and near misses. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../../src/base/bytes.ts';
import {
  isPayToAnchor,
  multisigScript,
  payToPublicKey,
  payToPublicKeyHash,
  payToScriptHash,
  payToWitness,
  solveScript,
  witnessProgram,
} from '../../../src/script/templates.ts';

const KEY = `02${'11'.repeat(32)}`;
const FULL = `04${'22'.repeat(64)}`;
const HASH = '33'.repeat(20);
const LONG = '44'.repeat(32);

describe('solving', () => {
  test.each([
    [`21${KEY}ac`, 'pubkey'],
    [`41${FULL}ac`, 'pubkey'],
    [`41${FULL.replace('04', '06')}ac`, 'pubkey'],
    [`41${FULL.replace('04', '05')}ac`, 'nonstandard'],
    [`21${KEY}ad`, 'nonstandard'],
    [`4c21${KEY}ac`, 'nonstandard'],
    [`76a914${HASH}88ac`, 'pubkeyhash'],
    [`76a914${HASH}88ac61`, 'nonstandard'],
    [`a914${HASH}87`, 'scripthash'],
    [`a94c14${HASH}87`, 'nonstandard'],
    [`0014${HASH}`, 'witness_v0_keyhash'],
    [`0020${LONG}`, 'witness_v0_scripthash'],
    ['0002abcd', 'nonstandard'],
    [`5120${LONG}`, 'witness_v1_taproot'],
    ['51024e73', 'anchor'],
    ['52024e73', 'witness_unknown'],
    ['51024e74', 'witness_unknown'],
    [`5114${HASH}`, 'witness_unknown'],
    [`6020${LONG}`, 'witness_unknown'],
    [`6028${'00'.repeat(40)}`, 'witness_unknown'],
    [`6029${'00'.repeat(41)}`, 'nonstandard'],
    ['5101ab', 'nonstandard'],
    ['4f024e73', 'nonstandard'],
    ['6a', 'nulldata'],
    ['6a0548656c6c6f', 'nulldata'],
    ['6a50', 'nulldata'],
    ['6a61', 'nonstandard'],
    ['6a0548', 'nonstandard'],
    [`5121${KEY}51ae`, 'multisig'],
    [`5121${KEY}21${KEY}52ae`, 'multisig'],
    [`010121${KEY}51ae`, 'nonstandard'],
    [`5121${KEY}52ae`, 'nonstandard'],
    [`5221${KEY}51ae`, 'nonstandard'],
    [`0021${KEY}51ae`, 'nonstandard'],
    ['5151ae', 'nonstandard'],
    ['51ae', 'nonstandard'],
    ['ae', 'nonstandard'],
    [`5121${KEY}51ae61`, 'nonstandard'],
    [`5121${KEY}5151ae`, 'nonstandard'],
    [`51${`21${KEY}`.repeat(20)}0114ae`, 'multisig'],
    [`51${`21${KEY}`.repeat(21)}0115ae`, 'nonstandard'],
    [`51${`21${KEY}`.repeat(17)}0111ae`, 'multisig'],
    [`51${`21${KEY}`.repeat(17)}4c0111ae`, 'nonstandard'],
    ['', 'nonstandard'],
  ])('%s', (script, type) => {
    expect(solveScript(hexToBytes(script)).type).toBe(type);
  });

  test('multisig tells its keys', () => {
    const keys = [hexToBytes(KEY), hexToBytes(FULL)];
    expect(solveScript(multisigScript(2, keys))).toEqual({ type: 'multisig', required: 2, keys });
  });
});

test('building is the inverse of solving', () => {
  const hash = hexToBytes(HASH);
  expect(solveScript(payToPublicKeyHash(hash))).toEqual({ type: 'pubkeyhash', hash });
  expect(solveScript(payToScriptHash(hash))).toEqual({ type: 'scripthash', hash });
  expect(solveScript(payToPublicKey(hexToBytes(KEY)))).toEqual({
    type: 'pubkey',
    publicKey: hexToBytes(KEY),
  });
  for (let version = 0; version <= 16; version += 1) {
    expect(witnessProgram(payToWitness(version, hash))).toEqual({ version, program: hash });
  }
  expect(isPayToAnchor(payToWitness(1, hexToBytes('4e73')))).toBe(true);
  expect(bytesToHex(multisigScript(17, Array(17).fill(hexToBytes(KEY)))).startsWith('011121')).toBe(true);
});
