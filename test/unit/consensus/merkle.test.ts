import fc from 'fast-check';
import { expect, test } from 'vitest';
import { binaryToBytes, bytesToHash, concatBytes, type Hash256, ZERO_HASH } from '../../../src/base/bytes.ts';
import { computeMerkleRoot } from '../../../src/consensus/merkle.ts';
import { sha256d } from '../../../src/crypto/sha256.ts';

const leaves = fc.uniqueArray(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => bytesToHash(bytes)),
  { minLength: 1, maxLength: 40 },
);

/** By the definition, a level at a time. */
function definedRoot(level: readonly Hash256[]): Hash256 {
  if (level.length === 1) return level[0]!;
  const next: Hash256[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const right = level[i + 1] ?? level[i]!;
    next.push(sha256d(concatBytes(binaryToBytes(level[i]!), binaryToBytes(right))));
  }
  return definedRoot(next);
}

test('the root is that of the definition, and different leaves are not mutated', () => {
  fc.assert(
    fc.property(leaves, list => {
      expect(computeMerkleRoot(list)).toEqual({ root: definedRoot(list), isMutated: false });
    }),
  );
});

test('a list that repeats its end has the same root, and is told from it (CVE-2012-2459)', () => {
  for (const count of [2, 3, 5, 6, 7, 9, 11, 20]) {
    const list = Array.from({ length: count }, (_, i) => sha256d(Uint8Array.of(i)));
    for (let step = 1; step <= count; step *= 2) {
      // The last `step` leaves are a subtree of their own only where the count is an odd multiple of it.
      if (count % step !== 0 || (count / step) % 2 === 0) continue;
      if (count === step) continue;
      const repeated = [...list, ...list.slice(-step)];
      expect(computeMerkleRoot(repeated)).toEqual({ root: computeMerkleRoot(list).root, isMutated: true });
    }
  }
});

test('of nothing it is zero', () => {
  expect(computeMerkleRoot([])).toEqual({ root: ZERO_HASH, isMutated: false });
});
