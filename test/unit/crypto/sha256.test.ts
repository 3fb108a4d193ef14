/** Checksums of frames, by whichever of the two ways they are made, against OpenSSL. */
import { createHash } from 'node:crypto';
import { test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { sha256dWord } from '../../../src/crypto/sha256.ts';
import { ONE_BLOCK_BYTES_MAX } from '../../../src/crypto/sha256d-short.ts';
import { mustBe } from '../../support/must-be.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

test('the first word of a double hash is the same for all lengths', () => {
  const random = new SeededRandom(1);
  for (let length = 0; length <= 2 * ONE_BLOCK_BYTES_MAX; length += 1) {
    for (const bytes of [new Uint8Array(length).fill(0xff), random.bytes(length), random.bytes(length)])
      mustBe(sha256dWord(bytes), sha256(sha256(bytes)).readInt32LE(0), `${length} bytes`);
  }
});
