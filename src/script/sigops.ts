/**
 * Counting signature checks, which blocks and transactions may hold only so many of (Core: GetSigOpCount in
 * src/script/script.cpp, CountWitnessSigOps in interpreter.cpp, GetTransactionSigOpCost in consensus/tx_verify.cpp).
 */
import { type Transaction, type TxOutput, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import type { WitnessCursor } from '../wire/tx-cursors.ts';
import { SCRIPT_FLAGS } from './flags.ts';
import { isPushOnly, MALFORMED, OPCODES, ScriptCursor } from './opcodes.ts';
import { isPayToScriptHash, MULTISIG_KEYS_MAX, witnessVersion } from './templates.ts';

/**
 * Signature checks in a script. 'inaccurate' takes every OP_CHECKMULTISIG for 20, as the first rule did; 'accurate'
 * believes an OP_1 … OP_16 before it. What follows something that cannot be parsed does not count.
 */
export function countSigOps(script: Uint8Array, counting: 'accurate' | 'inaccurate'): number {
  return countBetween(script, 0, script.length, counting);
}

/** Of a script that is a part of `bytes`. */
function countBetween(
  bytes: Uint8Array,
  start: number,
  end: number,
  counting: 'accurate' | 'inaccurate',
): number {
  let count = 0;
  let last = MALFORMED as number;
  const cursor = new ScriptCursor(bytes, start, end);
  while (cursor.advance()) {
    const { opcode } = cursor;
    if (opcode === OPCODES.OP_CHECKSIG || opcode === OPCODES.OP_CHECKSIGVERIFY) count += 1;
    else if (opcode === OPCODES.OP_CHECKMULTISIG || opcode === OPCODES.OP_CHECKMULTISIGVERIFY) {
      const told = counting === 'accurate' && last >= OPCODES.OP_1 && last <= OPCODES.OP_16;
      count += told ? last - OPCODES.OP_1 + 1 : MULTISIG_KEYS_MAX;
    }
    last = opcode;
  }
  return count;
}

/** Of all scriptSigs and scriptPubKeys of a transaction, inaccurately (Core: GetLegacySigOpCount). */
export function legacySigOps(tx: Transaction): number {
  let count = 0;
  for (const input = tx.inputCursor(); input.next(); )
    count += countBetween(input.bytes, input.scriptStart, input.scriptEnd, 'inaccurate');
  for (const output = tx.outputCursor(); output.next(); )
    count += countBetween(output.bytes, output.scriptStart, output.scriptEnd, 'inaccurate');
  return count;
}

/**
 * Of what an input runs for an output, accurately: the scriptPubKey, or the script that a P2SH input reveals, which
 * counts 0 when the scriptSig does not only push (Core: CScript::GetSigOpCount with a scriptSig).
 */
export function countSpendSigOps(scriptPubKey: Uint8Array, scriptSig: Uint8Array): number {
  if (!isPayToScriptHash(scriptPubKey)) return countSigOps(scriptPubKey, 'accurate');
  const redeemScript = lastPush(scriptSig);
  return redeemScript === undefined ? 0 : countSigOps(redeemScript, 'accurate');
}

/**
 * The cost that counts against the block's limit: four for a check in legacy and P2SH scripts, one in a witness.
 * `spent[i]` is what input i spends; a coinbase needs none.
 */
export function transactionSigOpCost(tx: Transaction, spent: readonly TxOutput[], flags: number): number {
  let cost = legacySigOps(tx) * WITNESS_SCALE_FACTOR;
  if (tx.isCoinbase) return cost;
  const p2sh = (flags & SCRIPT_FLAGS.P2SH) !== 0;
  const segwit = (flags & SCRIPT_FLAGS.WITNESS) !== 0;
  const input = tx.inputCursor();
  const witness = tx.witnessCursor();
  for (let i = 0; input.next(); i += 1) {
    const { scriptPubKey } = spent[i]!;
    witness?.next();
    if (isPayToScriptHash(scriptPubKey)) {
      const redeemScript = lastPush(input.scriptSig);
      if (redeemScript === undefined) continue;
      if (p2sh) cost += countSigOps(redeemScript, 'accurate') * WITNESS_SCALE_FACTOR;
      if (segwit) cost += programSigOps(redeemScript, witness);
    } else if (segwit) cost += programSigOps(scriptPubKey, witness);
  }
  return cost;
}

/** Of what a version 0 witness program runs, if `script` is one; taproot counts by its own budget instead. */
function programSigOps(script: Uint8Array, witness: WitnessCursor | undefined): number {
  if (witnessVersion(script) !== 0) return 0;
  const programBytes = script.length - 2;
  if (programBytes === 20) return 1;
  const witnessScript = programBytes === 32 ? witness?.top() : undefined;
  return witnessScript === undefined ? 0 : countSigOps(witnessScript, 'accurate');
}

/** What a scriptSig that only pushes leaves on top; OP_1 … OP_16 count as pushing nothing here, as in Core. */
function lastPush(scriptSig: Uint8Array): Uint8Array | undefined {
  if (!isPushOnly(scriptSig)) return undefined;
  const cursor = new ScriptCursor(scriptSig);
  while (cursor.position < scriptSig.length) cursor.advance();
  return cursor.data();
}
