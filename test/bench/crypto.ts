/** Signatures verified a second by each engine, hashes, and keys derived for a wallet; one thread. */
import { equal } from 'node:assert/strict';
import { bytesToHex, textToBytes } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { encodeExtendedSecretKey, masterKeyOf } from '../../src/crypto/bip32.ts';
import { hash160 } from '../../src/crypto/hashes.ts';
import { publicKeyOf, signEcdsa, signSchnorr } from '../../src/crypto/keys.ts';
import { sha256d } from '../../src/crypto/sha256.ts';
import { sipHash24 } from '../../src/crypto/siphash.ts';
import { loadVerifier } from '../../src/crypto/verifier.ts';
import type { KeyPrefixes } from '../../src/script/address.ts';
import { parseDescriptor } from '../../src/script/descriptor.ts';
import { enginesHere } from '../support/engines.ts';
import { type Figure, ratePerSecond, type Scenario } from './scenario.ts';

/** Different signatures verified in turn, so that nothing is learnt by heart. */
const SIGNATURES = 64;
const FULL_MS = 1_000;
const SHORT_MS = 5;

const REGTEST: KeyPrefixes = {
  pubKeyHash: 111,
  scriptHash: 196,
  secretKey: 239,
  extPublicKey: 0x0435_87cf,
  extSecretKey: 0x0435_8394,
  bech32: 'bcrt',
};

export const cryptoScenario: Scenario = {
  name: 'crypto',
  async run({ short }) {
    const milliseconds = short ? SHORT_MS : FULL_MS;
    return [...(await verification(milliseconds)), ...hashing(milliseconds), ...derivation(milliseconds)];
  },
};

async function verification(milliseconds: number): Promise<Figure[]> {
  const random = new SeededRandom(2009);
  const cases = Array.from({ length: SIGNATURES }, () => {
    const secret = random.bytes(32);
    const hash = random.bytes(32);
    const key = publicKeyOf(secret);
    return {
      hash,
      key,
      xOnly: key.subarray(1),
      der: signEcdsa(hash, secret),
      schnorr: signSchnorr(hash, secret, hash),
    };
  });
  const figures: Figure[] = [];
  for (const name of enginesHere()) {
    const verifier = await loadVerifier(name);
    for (const { hash, key, xOnly, der, schnorr } of cases.slice(0, 4)) {
      const other = random.bytes(32);
      equal(verifier.verifyEcdsa(hash, der, key), true);
      equal(verifier.verifyEcdsa(other, der, key), false);
      equal(verifier.verifySchnorr(hash, schnorr, xOnly), true);
      equal(verifier.verifySchnorr(other, schnorr, xOnly), false);
    }
    const ecdsa = ratePerSecond(round => {
      const { hash, der, key } = cases[round % SIGNATURES]!;
      verifier.verifyEcdsa(hash, der, key);
    }, milliseconds);
    const schnorr = ratePerSecond(round => {
      const { hash, schnorr: signature, xOnly } = cases[round % SIGNATURES]!;
      verifier.verifySchnorr(hash, signature, xOnly);
    }, milliseconds);
    figures.push({ name: `ECDSA by ${name}`, value: ecdsa, unit: 'verifications/s' });
    figures.push({ name: `Schnorr by ${name}`, value: schnorr, unit: 'verifications/s' });
  }
  return figures;
}

function hashing(milliseconds: number): Figure[] {
  const message = Uint8Array.from({ length: 64 }, (_, i) => i);
  const abc = textToBytes('abc');
  equal(bytesToHex(hash160(abc)), 'bb1be98c142444d7a56aa3981c3942a978e4dc33');
  equal(Buffer.from(sha256d(abc), 'latin1').toString('hex').slice(0, 16), '4f8b42c22dd3729b');
  const key = message.subarray(0, 33);
  const id = message.subarray(0, 32);
  return [
    {
      name: 'SHA256d of 64 bytes',
      value: ratePerSecond(() => sha256d(message), milliseconds),
      unit: 'hashes/s',
    },
    { name: 'HASH160 of 33 bytes', value: ratePerSecond(() => hash160(key), milliseconds), unit: 'hashes/s' },
    {
      name: 'SipHash of 32 bytes',
      value: ratePerSecond(() => sipHash24(1n, 2n, id), milliseconds),
      unit: 'hashes/s',
    },
  ];
}

function derivation(milliseconds: number): Figure[] {
  const root = encodeExtendedSecretKey(masterKeyOf(new Uint8Array(32))!, REGTEST.extSecretKey);
  const text = `wpkh(${root}/84h/1h/0h/0/*)`;
  const [wallet] = parseDescriptor(text, { prefixes: REGTEST, requireChecksum: false });
  const [locked] = parseDescriptor(wallet!.toNormalizedString()!, {
    prefixes: REGTEST,
    requireChecksum: true,
  });
  equal(bytesToHex(wallet!.expand(5)!.scripts[0]!), bytesToHex(locked!.expand(5)!.scripts[0]!));
  const rate = (descriptor: typeof wallet): number =>
    ratePerSecond(round => void descriptor!.expand(round), milliseconds);
  return [
    { name: 'wpkh() scripts, with secrets', value: rate(wallet), unit: 'scripts/s' },
    { name: 'wpkh() scripts, without', value: rate(locked), unit: 'scripts/s' },
  ];
}
