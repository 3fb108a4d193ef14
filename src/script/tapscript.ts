/**
 * What BIP342 changes inside scripts: Schnorr signatures paid for by the size of the witness, OP_CHECKSIGADD instead
 * of OP_CHECKMULTISIG, and OP_SUCCESSx, which make a script valid by merely being in it (Core: EvalChecksigTapscript,
 * IsOpSuccess).
 */
import type { ScriptError } from './errors.ts';
import { SCRIPT_FLAGS } from './flags.ts';
import {
  type Handler,
  type HandlerTable,
  type Machine,
  peek,
  peekNumber,
  type TaprootSpend,
} from './machine.ts';
import { encodeNumber } from './number.ts';
import { isOpSuccess, OPCODES, ScriptCursor } from './opcodes.ts';

/** What one signature check costs of the budget. */
const VALIDATION_WEIGHT_PER_SIGNATURE = 50;
/** A public key of any other size but 0 is of a type that has no rules yet. */
const X_ONLY_KEY_BYTES = 32;

export const TAPSCRIPT_HANDLERS: HandlerTable = {
  [OPCODES.OP_CHECKSIGADD]: checkSigAdd,
};

/** Whether the signature counts as good, or why the script fails. The order of the rules is consensus. */
export function checkSigTapscript(
  m: Machine,
  spend: TaprootSpend,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean | ScriptError {
  const present = signature.length > 0;
  if (present) {
    // Keys of unknown type pay too, so that giving them rules later makes nothing valid more expensive.
    spend.validationWeightLeft -= VALIDATION_WEIGHT_PER_SIGNATURE;
    if (spend.validationWeightLeft < 0) return 'TAPSCRIPT_VALIDATION_WEIGHT';
  }
  if (publicKey.length === 0) return 'TAPSCRIPT_EMPTY_PUBKEY';
  if (publicKey.length !== X_ONLY_KEY_BYTES) {
    return m.flags & SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_PUBKEYTYPE
      ? 'DISCOURAGE_UPGRADABLE_PUBKEYTYPE'
      : present;
  }
  if (!present) return false;
  // A signature that is there and wrong fails the script: only the empty one is an ordinary "no".
  return m.checker.checkSchnorr(signature, publicKey, spend) ?? true;
}

/** 'valid' when the script holds an OP_SUCCESSx before anything that cannot be parsed, undefined when it must run. */
export function scanForSuccess(script: Uint8Array, flags: number): 'valid' | ScriptError | undefined {
  const cursor = new ScriptCursor(script);
  while (cursor.position < script.length) {
    if (!cursor.advance()) return 'BAD_OPCODE';
    if (isOpSuccess(cursor.opcode)) {
      return flags & SCRIPT_FLAGS.DISCOURAGE_OP_SUCCESS ? 'DISCOURAGE_OP_SUCCESS' : 'valid';
    }
  }
  return undefined;
}

/** (sig n key − n or n + 1) */
function checkSigAdd(m: Machine): ReturnType<Handler> {
  if (m.spend === undefined) return 'BAD_OPCODE';
  const { stack } = m;
  if (stack.length < 3) return 'INVALID_STACK_OPERATION';
  const count = peekNumber(m, 1);
  if (count === undefined) return 'SCRIPTNUM';
  const verdict = checkSigTapscript(m, m.spend, peek(stack, 2), peek(stack, 0));
  if (typeof verdict === 'string') return verdict;
  stack.length -= 3;
  stack.push(encodeNumber(count + (verdict ? 1 : 0)));
  return undefined;
}
