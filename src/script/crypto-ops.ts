/**
 * Opcodes that hash and check signatures, by the rules of legacy and version 0 witness scripts. Tapscript's own
 * (BIP342) are in tapscript.ts.
 */
import { binaryToBytes } from '../base/bytes.ts';
import { hash160, ripemd160, sha1 } from '../crypto/hashes.ts';
import { sha256, sha256d } from '../crypto/sha256.ts';
import { publicKeyEncodingError, signatureEncodingError } from './encoding.ts';
import type { ScriptError } from './errors.ts';
import { SCRIPT_FLAGS } from './flags.ts';
import { fromBoolean, type Handler, type HandlerTable, type Machine, peek, peekNumber } from './machine.ts';
import { OPCODES, pushData } from './opcodes.ts';
import { findAndDelete } from './sighash.ts';
import { checkSigTapscript } from './tapscript.ts';
import { MULTISIG_KEYS_MAX } from './templates.ts';

/** Opcodes above OP_16 in one script, executed or not (Core: MAX_OPS_PER_SCRIPT); tapscript has no such limit. */
export const OPS_MAX = 201;

export const CRYPTO_HANDLERS: HandlerTable = {
  [OPCODES.OP_RIPEMD160]: hashing(ripemd160),
  [OPCODES.OP_SHA1]: hashing(sha1),
  [OPCODES.OP_SHA256]: hashing(sha256),
  [OPCODES.OP_HASH160]: hashing(hash160),
  [OPCODES.OP_HASH256]: hashing(bytes => binaryToBytes(sha256d(bytes))),
  [OPCODES.OP_CODESEPARATOR]: codeSeparator,
  [OPCODES.OP_CHECKSIG]: checkSig,
  [OPCODES.OP_CHECKSIGVERIFY]: checkSig,
  [OPCODES.OP_CHECKMULTISIG]: checkMultisig,
  [OPCODES.OP_CHECKMULTISIGVERIFY]: checkMultisig,
};

function hashing(hash: (bytes: Uint8Array) => Uint8Array): Handler {
  return m => {
    const item = m.stack.pop();
    if (item === undefined) return 'INVALID_STACK_OPERATION';
    m.stack.push(hash(item));
    return undefined;
  };
}

function codeSeparator(m: Machine): undefined {
  m.codeStart = m.cursor.position;
  if (m.spend !== undefined) m.spend.codeSeparatorPosition = m.instruction;
}

/** (sig key − bool) */
function checkSig(m: Machine, opcode: number): ReturnType<Handler> {
  const { stack } = m;
  if (stack.length < 2) return 'INVALID_STACK_OPERATION';
  const signature = peek(stack, 1);
  const publicKey = peek(stack, 0);
  const verdict =
    m.spend === undefined
      ? checkSigEcdsa(m, signature, publicKey)
      : checkSigTapscript(m, m.spend, signature, publicKey);
  if (typeof verdict === 'string') return verdict;
  stack.length -= 2;
  if (opcode === OPCODES.OP_CHECKSIG) stack.push(fromBoolean(verdict));
  else if (!verdict) return 'CHECKSIGVERIFY';
  return undefined;
}

/** Whether the signature is good, or why the script fails. */
function checkSigEcdsa(m: Machine, signature: Uint8Array, publicKey: Uint8Array): boolean | ScriptError {
  const scriptCode = signedScript(m, [signature]);
  if (typeof scriptCode === 'string') return scriptCode;
  const good = verify(m, signature, publicKey, scriptCode);
  if (good === false && m.flags & SCRIPT_FLAGS.NULLFAIL && signature.length > 0) return 'SIG_NULLFAIL';
  return good;
}

/**
 * (0 sig … count key … count − bool): signatures must be in the order of their keys. One item more than it needs is
 * taken off the stack: a bug of 2009 that cannot be undone.
 */
function checkMultisig(m: Machine, opcode: number): ReturnType<Handler> {
  if (m.sigVersion === 'tapscript') return 'TAPSCRIPT_CHECKMULTISIG';
  const { stack } = m;
  if (stack.length < 1) return 'INVALID_STACK_OPERATION';
  const keyCount = peekNumber(m, 0);
  if (keyCount === undefined) return 'SCRIPTNUM';
  if (keyCount < 0 || keyCount > MULTISIG_KEYS_MAX) return 'PUBKEY_COUNT';
  m.opCount += keyCount;
  if (m.opCount > OPS_MAX) return 'OP_COUNT';
  if (stack.length < keyCount + 2) return 'INVALID_STACK_OPERATION';
  const signatureCount = peekNumber(m, keyCount + 1);
  if (signatureCount === undefined) return 'SCRIPTNUM';
  if (signatureCount < 0 || signatureCount > keyCount) return 'SIG_COUNT';
  const dummyDepth = keyCount + signatureCount + 2;
  if (stack.length <= dummyDepth) return 'INVALID_STACK_OPERATION';

  // Both from the top down, as they are checked.
  const keys = stack.slice(stack.length - 1 - keyCount, stack.length - 1).reverse();
  const signatures = stack.slice(stack.length - dummyDepth, stack.length - 2 - keyCount).reverse();
  const scriptCode = signedScript(m, signatures);
  if (typeof scriptCode === 'string') return scriptCode;
  const verdict = matchSignatures(m, signatures, keys, scriptCode);
  if (typeof verdict === 'string') return verdict;

  if (!verdict && m.flags & SCRIPT_FLAGS.NULLFAIL && signatures.some(s => s.length > 0))
    return 'SIG_NULLFAIL';
  if (m.flags & SCRIPT_FLAGS.NULLDUMMY && peek(stack, dummyDepth).length > 0) return 'SIG_NULLDUMMY';
  stack.length -= dummyDepth + 1;
  if (opcode === OPCODES.OP_CHECKMULTISIG) stack.push(fromBoolean(verdict));
  else if (!verdict) return 'CHECKMULTISIGVERIFY';
  return undefined;
}

/** Tries each signature with the keys that are left, and gives up as soon as there are too few of them. */
function matchSignatures(
  m: Machine,
  signatures: readonly Uint8Array[],
  keys: readonly Uint8Array[],
  scriptCode: Uint8Array,
): boolean | ScriptError {
  let signature = 0;
  for (let key = 0; signature < signatures.length; key += 1) {
    if (signatures.length - signature > keys.length - key) return false;
    const good = verify(m, signatures[signature]!, keys[key]!, scriptCode);
    if (typeof good === 'string') return good;
    if (good) signature += 1;
  }
  return true;
}

/** The script that signatures commit to; a legacy one is without the signatures themselves. */
function signedScript(m: Machine, signatures: readonly Uint8Array[]): Uint8Array | 'SIG_FINDANDDELETE' {
  let scriptCode = m.cursor.script.subarray(m.codeStart);
  if (m.sigVersion !== 'base') return scriptCode;
  for (const signature of signatures) {
    const without = findAndDelete(scriptCode, pushData(signature));
    if (without === undefined) continue;
    if (m.flags & SCRIPT_FLAGS.CONST_SCRIPTCODE) return 'SIG_FINDANDDELETE';
    scriptCode = without;
  }
  return scriptCode;
}

function verify(
  m: Machine,
  signature: Uint8Array,
  publicKey: Uint8Array,
  scriptCode: Uint8Array,
): boolean | ScriptError {
  const sigVersion = m.sigVersion === 'base' ? 'base' : 'witness-v0';
  return (
    signatureEncodingError(signature, m.flags) ??
    publicKeyEncodingError(publicKey, m.flags, sigVersion) ??
    m.checker.checkEcdsa(signature, publicKey, scriptCode, sigVersion)
  );
}
