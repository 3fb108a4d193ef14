import { expect, test } from 'vitest';
import { hashToHex } from '../../../src/base/bytes.ts';
import { MuHash } from '../../../src/crypto/muhash.ts';
import { sha256d } from '../../../src/crypto/sha256.ts';
import { Sha256dStream } from '../../../src/crypto/sha256-stream.ts';

const elements = [1, 2, 3].map(n => new Uint8Array(n).fill(n));

function hashOf(set: readonly Uint8Array[]): string {
  const muHash = new MuHash();
  for (const element of set) muHash.insert(element);
  return hashToHex(muHash.digest());
}

test('MuHash of nothing is what Core says of the coins at genesis', () => {
  expect(hashOf([])).toBe('dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8');
});

test('MuHash does not depend on the order, but on every element', () => {
  const [a, b, c] = elements as [Uint8Array, Uint8Array, Uint8Array];
  expect(hashOf([c, a, b])).toBe(hashOf([a, b, c]));
  expect(hashOf([a, b])).not.toBe(hashOf([a, b, c]));
  expect(hashOf([a, b, c, c])).not.toBe(hashOf([a, b, c]));
});

test('a stream hashes as the whole does', () => {
  const stream = new Sha256dStream();
  for (const element of elements) stream.update(element);
  expect(stream.digest()).toBe(sha256d(Buffer.concat(elements)));
});
