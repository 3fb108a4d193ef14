/** Published vectors of key trees, mnemonics, base58, bech32 and taproot keys. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { decodeBase58, encodeBase58 } from '../../src/crypto/base58.ts';
import { bytesToGroups, decodeBech32, encodeBech32, groupsToBytes } from '../../src/crypto/bech32.ts';
import {
  decodeExtendedPublicKey,
  decodeExtendedSecretKey,
  derivePublicChild,
  deriveSecretChild,
  encodeExtendedPublicKey,
  encodeExtendedSecretKey,
  fingerprintOf,
  HARDENED,
  masterKeyOf,
  neuter,
} from '../../src/crypto/bip32.ts';
import { entropyOf, isValidMnemonic, mnemonicOf, seedOf } from '../../src/crypto/bip39.ts';
import {
  checkTapTweak,
  publicKeyOf,
  signSchnorr,
  taprootTweakPublicKey,
  taprootTweakSecretKey,
} from '../../src/crypto/keys.ts';
import { encodeAddress, encodeSecretKey } from '../../src/script/address.ts';
import { payToTaproot } from '../../src/script/templates.ts';
import { MAIN_PREFIXES } from '../support/prefixes.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

const XPUB = MAIN_PREFIXES.extPublicKey;
const XPRV = MAIN_PREFIXES.extSecretKey;

describeShared('BIP32', () => {
  interface Node {
    readonly wif?: string;
    readonly pubKey: string;
    readonly chainCode: string;
    readonly base58: string;
    readonly base58Priv?: string;
    readonly fingerprint?: string;
  }
  interface Vectors {
    readonly valid: readonly {
      readonly network: string;
      readonly master: Node & { readonly seed?: string };
      readonly children: readonly (Node & { readonly path: string })[];
    }[];
    readonly invalid: {
      readonly fromBase58: readonly { readonly exception: string; readonly string: string }[];
    };
  }
  const { valid, invalid } = readSharedJson<Vectors>('vectors/bip32/bitcoinjs-bip32.json');

  test('derivation and serialisation', () => {
    let derived = 0;
    for (const { network, master, children } of valid) {
      if (network !== 'bitcoin' || master.seed === undefined) continue;
      const root = masterKeyOf(hexToBytes(master.seed))!;
      for (const node of [{ path: 'm', ...master }, ...children]) {
        let key = root;
        for (const step of node.path.split('/').slice(1)) {
          const number = Number.parseInt(step, 10) + (step.endsWith("'") ? HARDENED : 0);
          const publicChild = derivePublicChild(neuter(key), number);
          key = deriveSecretChild(key, number)!;
          expect(publicChild).toEqual(number < HARDENED ? neuter(key) : undefined);
          derived += 1;
        }
        expect(bytesToHex(key.publicKey)).toBe(node.pubKey);
        expect(bytesToHex(key.chainCode)).toBe(node.chainCode);
        if (node.fingerprint) expect(bytesToHex(fingerprintOf(key.publicKey))).toBe(node.fingerprint);
        expect(encodeExtendedPublicKey(key, XPUB)).toBe(node.base58);
        expect(encodeExtendedSecretKey(key, XPRV)).toBe(node.base58Priv);
        if (node.wif)
          expect(encodeSecretKey(key.secretKey, { compressed: true }, MAIN_PREFIXES)).toBe(node.wif);
        expect(decodeExtendedPublicKey(node.base58, XPUB)).toEqual(neuter(key));
        expect(decodeExtendedSecretKey(node.base58Priv!, XPRV)).toEqual(key);
        expect(decodeExtendedPublicKey(node.base58Priv!, XPUB)).toBe(undefined);
      }
    }
    expect(derived).toBe(35);
  });

  test('invalid texts', () => {
    expect(invalid.fromBase58.length).toBe(13);
    for (const { exception, string } of invalid.fromBase58) {
      // Unknown version bytes are the caller's: both versions are tried here.
      expect(decodeExtendedPublicKey(string, XPUB), exception).toBe(undefined);
      expect(decodeExtendedSecretKey(string, XPRV), exception).toBe(undefined);
    }
  });
});

describeShared('BIP39', () => {
  test('entropy, words, seed, root', () => {
    const { english } = readSharedJson<{ english: [string, string, string, string][] }>(
      'vectors/bip39/trezor-vectors.json.gz',
    );
    expect(english.length).toBe(24);
    for (const [entropy, words, seed, xprv] of english) {
      expect(mnemonicOf(hexToBytes(entropy))).toBe(words);
      expect(bytesToHex(entropyOf(words))).toBe(entropy);
      expect(bytesToHex(seedOf(words, 'TREZOR'))).toBe(seed);
      expect(encodeExtendedSecretKey(masterKeyOf(hexToBytes(seed))!, XPRV)).toBe(xprv);
      expect(isValidMnemonic(words)).toBe(true);
      expect(isValidMnemonic(words.split(' ').slice(1).join(' '))).toBe(false);
    }
  });
});

describeShared('base58 and bech32', () => {
  test('base58_encode_decode', () => {
    const cases = readSharedJson<[string, string][]>('vectors/core/base58_encode_decode.json');
    expect(cases.length).toBe(21);
    for (const [payload, text] of cases) {
      const hex = payload.toLowerCase();
      expect(encodeBase58(hexToBytes(hex))).toBe(text);
      expect(bytesToHex(decodeBase58(text, 256)!)).toBe(hex);
      expect(bytesToHex(decodeBase58(` \t${text}\n`, hex.length / 2)!)).toBe(hex);
      if (hex !== '') expect(decodeBase58(text, hex.length / 2 - 1)).toBe(undefined);
    }
  });

  interface Vectors {
    readonly valid: readonly {
      readonly string: string;
      readonly prefix: string;
      readonly words: number[];
      readonly limit?: number;
    }[];
    readonly invalid: readonly {
      readonly string?: string;
      readonly limit?: number;
      readonly exception: string;
    }[];
  }
  const vectors = readSharedJson<Record<'bech32' | 'bech32m', Vectors>>(
    'vectors/bech32/bitcoinjs-bech32.json',
  );

  test.each(['bech32', 'bech32m'] as const)('%s', encoding => {
    const { valid, invalid } = vectors[encoding];
    expect([valid.length, invalid.length]).toEqual(encoding === 'bech32' ? [6, 17] : [8, 22]);
    for (const { string, prefix, words, limit } of valid) {
      if (limit !== undefined) continue;
      const data = Uint8Array.from(words);
      expect(decodeBech32(string)).toEqual({ encoding, hrp: prefix.toLowerCase(), data });
      expect(encodeBech32(encoding, prefix.toLowerCase(), data)).toBe(string.toLowerCase());
      const bytes = groupsToBytes(data);
      if (bytes !== undefined) expect(bytesToGroups(bytes)).toEqual(data);
    }
    for (const { string, exception } of invalid) {
      if (string !== undefined) expect(decodeBech32(string)?.encoding, exception).not.toBe(encoding);
    }
  });
});

describeShared('BIP341 wallet vectors', () => {
  interface Vectors {
    readonly scriptPubKey: readonly {
      readonly given: { readonly internalPubkey: string };
      readonly intermediary: { readonly merkleRoot: string | null; readonly tweakedPubkey: string };
      readonly expected: { readonly scriptPubKey: string; readonly bip350Address: string };
    }[];
    readonly keyPathSpending: readonly {
      readonly inputSpending: readonly {
        readonly given: { readonly internalPrivkey: string; readonly merkleRoot: string | null };
        readonly intermediary: { readonly tweakedPrivkey: string; readonly sigHash: string };
        readonly expected: { readonly witness: readonly string[] };
      }[];
    }[];
  }
  const { scriptPubKey, keyPathSpending } = readSharedJson<Vectors>(
    'vectors/core/bip341_wallet_vectors.json',
  );
  const rootOf = (hex: string | null): Uint8Array | undefined => (hex === null ? undefined : hexToBytes(hex));

  test('output keys and addresses', () => {
    expect(scriptPubKey.length).toBe(7);
    for (const { given, intermediary, expected } of scriptPubKey) {
      const internal = hexToBytes(given.internalPubkey);
      const root = rootOf(intermediary.merkleRoot);
      const { key, parity } = taprootTweakPublicKey(internal, root)!;
      expect(bytesToHex(key)).toBe(intermediary.tweakedPubkey);
      expect(bytesToHex(payToTaproot(key))).toBe(expected.scriptPubKey);
      expect(encodeAddress(payToTaproot(key), MAIN_PREFIXES)).toBe(expected.bip350Address);
      if (root === undefined) continue;
      expect(checkTapTweak(key, parity, internal, root)).toBe(true);
      expect(checkTapTweak(key, 1 - parity, internal, root)).toBe(false);
      expect(checkTapTweak(internal, parity, internal, root)).toBe(false);
    }
  });

  test('signatures', () => {
    let count = 0;
    for (const { inputSpending } of keyPathSpending) {
      for (const { given, intermediary, expected } of inputSpending) {
        const secret = hexToBytes(given.internalPrivkey);
        const tweaked = taprootTweakSecretKey(secret, rootOf(given.merkleRoot));
        expect(bytesToHex(tweaked)).toBe(intermediary.tweakedPrivkey);
        const signature = signSchnorr(hexToBytes(intermediary.sigHash), tweaked, new Uint8Array(32));
        expect(bytesToHex(signature)).toBe(expected.witness[0]!.slice(0, 128));
        const output = taprootTweakPublicKey(publicKeyOf(secret).subarray(1), rootOf(given.merkleRoot))!;
        expect(bytesToHex(publicKeyOf(tweaked).subarray(1))).toBe(bytesToHex(output.key));
        count += 1;
      }
    }
    expect(count).toBe(7);
  });
});
