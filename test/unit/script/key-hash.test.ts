/** P2WPKH is verified without a machine: the verdict is what running its script comes to, whatever is wrong with it. */
import { expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { loadVerifierSync } from '../../../src/crypto/verifier.ts';
import { TransactionChecker } from '../../../src/script/checker.ts';
import { SCRIPT_FLAGS } from '../../../src/script/flags.ts';
import { PrecomputedTx } from '../../../src/script/sighash.ts';
import { verifyScript } from '../../../src/script/verify.ts';
import { signedKeyHashSpend } from '../../support/signed-spends.ts';

const VERIFIER = loadVerifierSync('auto');
const OBSERVER = { onStep() {}, onEnd() {} };

test('as the machine says', () => {
  const random = new SeededRandom(11);
  const { tx, spent } = signedKeyHashSpend(1, 1);
  const [signature, publicKey] = tx.inputs[0]!.witness as [Uint8Array, Uint8Array];
  const { scriptPubKey } = spent[0]!;
  const verdicts = new Set<string | undefined>();
  const changed = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    switch (randomBelow(random, 6)) {
      case 0:
        return new Uint8Array(0);
      case 1:
        return concatBytes(copy, random.bytes(randomBelow(random, 600)));
      case 2:
        return copy.subarray(0, randomBelow(random, copy.length));
      case 3:
        copy[randomBelow(random, copy.length)]! ^= 1 << randomBelow(random, 8);
        return copy;
      default:
        return copy;
    }
  };
  for (let round = 0; round < 3_000; round += 1) {
    const witness = [changed(signature), changed(publicKey)];
    if (randomBelow(random, 20) === 0) witness.push(new Uint8Array(1));
    const flags =
      SCRIPT_FLAGS.P2SH | SCRIPT_FLAGS.WITNESS | (random.u32() & 0xff_ffff & ~SCRIPT_FLAGS.CLEANSTACK);
    const checker = () => new TransactionChecker(new PrecomputedTx(tx, spent), 0, VERIFIER);
    const spend = { scriptSig: new Uint8Array(0), scriptPubKey, witness, flags };
    const direct = verifyScript({ ...spend, checker: checker() });
    expect(direct).toBe(verifyScript({ ...spend, checker: checker(), observer: OBSERVER }));
    verdicts.add(direct);
  }
  for (const expected of [
    undefined,
    'EQUALVERIFY',
    'SIG_DER',
    'SIG_NULLFAIL',
    'EVAL_FALSE',
    'PUSH_SIZE',
    'WITNESS_PROGRAM_MISMATCH',
  ])
    expect(verdicts).toContain(expected);
});
