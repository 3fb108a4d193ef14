/** Word list of BIP39, sizes of BIP54, HKDF and ChaCha20-Poly1305 as BIP324 calls them, a block's proof with its transactions. */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { extractMatches } from '../../src/consensus/partial-merkle-tree.ts';
import { mnemonicOf } from '../../src/crypto/bip39.ts';
import { Reader } from '../../src/wire/codec.ts';
import { decodeMessage } from '../../src/wire/messages.ts';
import { decodeTransaction, readTransaction } from '../../src/wire/transaction.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

interface WycheproofTest {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid';
}

interface Wycheproof<T> {
  readonly numberOfTests: number;
  readonly testGroups: readonly { readonly tests: readonly (T & WycheproofTest)[] }[];
}

function casesOf<T>(file: string, count: number): readonly (T & WycheproofTest)[] {
  const { numberOfTests, testGroups } = readSharedJson<Wycheproof<T>>(`vectors/crypto/${file}`);
  const cases = testGroups.flatMap(({ tests }) => tests);
  expect([numberOfTests, cases.length]).toEqual([count, count]);
  return cases;
}

describeShared('vectors by twos and threes', () => {
  test('2048 words', () => {
    const words = readShared('vectors/bips/bip-0039_english.txt').toString('utf8').trim().split('\n');
    expect(words.length).toBe(2048);
    for (const [i, word] of words.entries()) {
      // Eleven bits a word, so the first one is in the first two bytes.
      const entropy = new Uint8Array(16);
      new DataView(entropy.buffer).setUint16(0, i << 5);
      expect(mnemonicOf(entropy).split(' ')[0]).toBe(word);
    }
  });

  test('13 sizes: only 64 bytes without witness are forbidden by BIP54', () => {
    const vectors = readSharedJson<{ tx: string; valid: boolean; comment: string }[]>(
      'vectors/bips/bip-0054_test_vectors_txsize.json',
    );
    expect(vectors.length).toBe(13);
    for (const { tx, valid, comment } of vectors) {
      expect(decodeTransaction(hexToBytes(tx)).strippedSize !== 64, comment).toBe(valid);
    }
  });

  test('86 keys by HKDF', () => {
    const cases = casesOf<{ ikm: string; salt: string; info: string; size: number; okm: string }>(
      'wycheproof-hkdf_sha256.json',
      86,
    );
    for (const { tcId, ikm, salt, info, size, okm, result } of cases) {
      const derive = () =>
        Buffer.from(hkdfSync('sha256', hexToBytes(ikm), hexToBytes(salt), hexToBytes(info), size));
      if (result === 'valid') expect(bytesToHex(derive()), `case ${tcId}`).toBe(okm);
      else expect(derive, `case ${tcId}`).toThrow();
    }
  });

  test('325 packets of ChaCha20-Poly1305', () => {
    const cases = casesOf<Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>>(
      'wycheproof-chacha20_poly1305.json.gz',
      325,
    );
    const options = { authTagLength: 16 };
    for (const { tcId, key, iv, aad, msg, ct, tag, result } of cases) {
      const open = () => {
        const opener = createDecipheriv('chacha20-poly1305', hexToBytes(key), hexToBytes(iv), options);
        opener.setAAD(hexToBytes(aad), { plaintextLength: ct.length / 2 });
        opener.setAuthTag(hexToBytes(tag));
        return Buffer.concat([opener.update(hexToBytes(ct)), opener.final()]).toString('hex');
      };
      if (result === 'invalid') {
        expect(open, `case ${tcId}`).toThrow();
        continue;
      }
      expect(open(), `case ${tcId}`).toBe(msg);
      const sealer = createCipheriv('chacha20-poly1305', hexToBytes(key), hexToBytes(iv), options);
      sealer.setAAD(hexToBytes(aad), { plaintextLength: msg.length / 2 });
      const sealed = Buffer.concat([sealer.update(hexToBytes(msg)), sealer.final()]).toString('hex');
      expect([sealed, sealer.getAuthTag().toString('hex')], `case ${tcId}`).toEqual([ct, tag]);
    }
  });

  test('a merkle block and the 2 transactions that it proves', () => {
    const alone = readShared('vectors/p2p/merkle300025.raw');
    const extended = readShared('vectors/p2p/merkle300025-extended.raw');
    const head = extended.subarray(0, alone.length);
    expect(head.equals(alone)).toBe(true);
    const message = decodeMessage('merkleblock', head);
    const reader = new Reader(extended, alone.length);
    expect(reader.compactSize()).toBe(2);
    const txids: string[] = [];
    while (reader.remaining > 0) txids.push(readTransaction(reader).txid);
    expect(
      message.command === 'merkleblock' && extractMatches(message.tree)?.matches.map(({ txid }) => txid),
    ).toEqual(txids);
    expect(txids.length).toBe(2);
  });
});
