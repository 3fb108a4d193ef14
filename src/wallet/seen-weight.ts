/**
 * How large a signed input of others could become when they sign it again, told from how they signed it before (Core:
 * SignatureWeightChecker in src/wallet/feebumper.h): a signature can be shorter than the next one.
 */
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { TransactionChecker } from '../script/checker.ts';
import { STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import type { SignatureChecker } from '../script/machine.ts';
import { PrecomputedTx } from '../script/sighash.ts';
import { verifyScript } from '../script/verify.ts';
import { compactSizeBytes } from '../wire/codec.ts';
import { type Transaction, type TxInput, type TxOutput, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';

/** ECDSA, with hash type. */
const SIGNATURE_BYTES_MAX = 72;

/** Weight units; `spent` is what the inputs spend, in order. */
export function seenWeightMax(
  tx: Transaction,
  inputIndex: number,
  spent: readonly TxOutput[],
  verifier: SignatureVerifier,
): number {
  const { scriptSig, witness, ...input } = tx.inputs[inputIndex]!;
  const checker = new TransactionChecker(new PrecomputedTx(tx, spent), inputIndex, verifier);
  let missing = 0;
  const measuring: SignatureChecker = {
    checkEcdsa(signature, publicKey, scriptCode, sigVersion) {
      const isGood = checker.checkEcdsa(signature, publicKey, scriptCode, sigVersion);
      const scale = sigVersion === 'base' ? WITNESS_SCALE_FACTOR : 1;
      if (isGood) missing += (SIGNATURE_BYTES_MAX - signature.length) * scale;
      return isGood;
    },
    checkSchnorr: (signature, key, spend) => checker.checkSchnorr(signature, key, spend),
    checkTapTweak: (output, parity, internal, root) => checker.checkTapTweak(output, parity, internal, root),
    checkLockTime: lockTime => checker.checkLockTime(lockTime),
    checkSequence: sequence => checker.checkSequence(sequence),
  };
  const { scriptPubKey } = spent[inputIndex]!;
  verifyScript({ scriptSig, scriptPubKey, witness, flags: STANDARD_SCRIPT_FLAGS, checker: measuring });
  return inputWeight({ scriptSig, witness, ...input }) + missing;
}

function inputWeight({ scriptSig, witness }: TxInput): number {
  const items = witness.reduce((sum, { length }) => sum + compactSizeBytes(length) + length, 0);
  const bytes = 36 + 4 + compactSizeBytes(scriptSig.length) + scriptSig.length;
  return bytes * WITNESS_SCALE_FACTOR + compactSizeBytes(witness.length) + items;
}
