/** An engine that answers one of the questions wrongly is found out, whichever it is. */
import { expect, test } from 'vitest';
import { concatBytes, equalBytes } from '../../../src/base/bytes.ts';
import { type Answers, answersRightly } from '../../../src/crypto/engine-questions.ts';
import { addPublicKeyTweak } from '../../../src/crypto/keys.ts';
import { nativeSecp256k1 } from '../../../src/crypto/native.ts';
import { loadVerifierSync } from '../../../src/crypto/verifier.ts';

const QUESTIONS = 21;
const schnorr = loadVerifierSync('noble').verifySchnorr;

/** Sound but for the answer to question `wrong`; `asked` counts. */
function engine(wrong: number): Answers & { asked: number } {
  const answer = (verdict: boolean): boolean => {
    answers.asked += 1;
    return answers.asked - 1 === wrong ? !verdict : verdict;
  };
  const answers = {
    asked: 0,
    verifyCompact: (compact: Uint8Array, hash: Uint8Array, key: Uint8Array) =>
      answer(ecdsa(compact, hash, key)),
    verifySchnorr: (message: Uint8Array, signature: Uint8Array, key: Uint8Array) =>
      answer(schnorr(message, signature, key)),
    checkTweak: (output: Uint8Array, parity: number, key: Uint8Array, tweak: Uint8Array) =>
      answer(isTweaked(output, parity, key, tweak)),
  };
  return answers;
}

function ecdsa(compact: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean {
  try {
    return nativeSecp256k1()!.ecdsaVerify(compact, hash, key);
  } catch {
    return false;
  }
}

function isTweaked(output: Uint8Array, parity: number, key: Uint8Array, tweak: Uint8Array): boolean {
  const point = addPublicKeyTweak(concatBytes(Uint8Array.of(2), key), tweak);
  return point?.[0] === 2 + parity && equalBytes(point.subarray(1), output);
}

test('a sound engine answers all rightly', () => {
  const sound = engine(-1);
  expect(answersRightly(sound)).toBe(true);
  expect(sound.asked).toBe(QUESTIONS);
});

test.each(Array.from({ length: QUESTIONS }, (_, i) => i))('wrong at question %i', i => {
  expect(answersRightly(engine(i))).toBe(false);
});
