/** NIST's SHA vectors and Wycheproof's MACs. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { hmacSha256, hmacSha512, sha1, sha512 } from '../../src/crypto/hashes.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import { sipHash24 } from '../../src/crypto/siphash.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

describeShared('NIST SHA', () => {
  test.each([
    ['nist-SHA1ShortMsg.rsp', sha1, 65],
    ['nist-SHA256ShortMsg.rsp', sha256, 65],
    ['nist-SHA256LongMsg.rsp.gz', sha256, 64],
    ['nist-SHA512ShortMsg.rsp', sha512, 129],
  ])('%s', (file, hash, count) => {
    const text = readShared(`vectors/crypto/${file}`).toString('latin1');
    const cases = [...text.matchAll(/Len = (\d+)\s+Msg = ([0-9a-f]+)\s+MD = ([0-9a-f]+)/g)];
    expect(cases.length).toBe(count);
    for (const [, bits, message, digest] of cases) {
      const bytes = hexToBytes(message!).subarray(0, Number(bits) / 8);
      expect(bytesToHex(hash(bytes))).toBe(digest);
    }
  });
});

interface MacVectors {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly tagSize: number;
    readonly tests: readonly {
      readonly tcId: number;
      readonly key: string;
      readonly msg: string;
      readonly tag: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

function sipHashBytes(key: Uint8Array, message: Uint8Array): Uint8Array {
  const view = new DataView(key.buffer, key.byteOffset, 16);
  const tag = new Uint8Array(8);
  const hash = sipHash24(view.getBigUint64(0, true), view.getBigUint64(8, true), message);
  new DataView(tag.buffer).setBigUint64(0, hash, true);
  return tag;
}

describeShared('Wycheproof MACs', () => {
  test.each([
    ['wycheproof-hmac_sha256.json', hmacSha256],
    ['wycheproof-hmac_sha512.json', hmacSha512],
    ['wycheproof-siphash_2_4.json', sipHashBytes],
  ])('%s', (file, mac) => {
    const { testGroups, numberOfTests } = readSharedJson<MacVectors>(`vectors/crypto/${file}`);
    let count = 0;
    for (const { tagSize, tests } of testGroups) {
      for (const { tcId, key, msg, tag, result } of tests) {
        const own = bytesToHex(mac(hexToBytes(key), hexToBytes(msg))).slice(0, tagSize / 4);
        expect(own === tag, `case ${tcId}`).toBe(result === 'valid');
        count += 1;
      }
    }
    expect(count).toBe(numberOfTests);
  });
});
