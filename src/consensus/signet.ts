/**
 * Signet's additional rule (BIP325): a block carries a solution of the network's challenge script, in its witness
 * commitment after four bytes that mark it. The solution spends an output with that script in a transaction nobody
 * ever sees, which commits to the block without the solution. Source: Core signet.cpp.
 */
import { concatBytes, EMPTY_BYTES, equalBytes, ZERO_HASH } from '../base/bytes.ts';
import { loadVerifierSync } from '../crypto/verifier.ts';
import { SCRIPT_FLAGS } from '../script/flags.ts';
import { OPCODES, pushData, ScriptCursor } from '../script/opcodes.ts';
import { verifyInputs } from '../script/verify.ts';
import type { Block } from '../wire/block.ts';
import { COMPACT_SIZE_MAX, DecodeError, Reader, Writer } from '../wire/codec.ts';
import { createTransaction, NULL_INDEX, type Transaction } from '../wire/transaction.ts';
import { computeMerkleRoot } from './merkle.ts';
import type { ChainParams } from './params.ts';
import { witnessCommitmentIndex } from './witness-commitment.ts';

const SOLUTION_MARK = Uint8Array.of(0xec, 0xc7, 0xda, 0xa2);
const SOLUTION_FLAGS =
  SCRIPT_FLAGS.P2SH | SCRIPT_FLAGS.WITNESS | SCRIPT_FLAGS.DERSIG | SCRIPT_FLAGS.NULLDUMMY;

interface Solution {
  readonly scriptSig: Uint8Array;
  readonly witness: readonly Uint8Array[];
}

/** True on other networks, and for genesis. Needs no other block. */
export function isSignetSolutionValid(
  block: Block,
  { signetChallenge, genesis }: Pick<ChainParams, 'signetChallenge' | 'genesis'>,
): boolean {
  if (signetChallenge === null || block.header.hash === genesis.header.hash) return true;
  const transactions = signetTransactions(block, signetChallenge);
  if (transactions === undefined) return false;
  const { toSpend, toSign } = transactions;
  const check = { tx: toSign, spent: toSpend.outputs, flags: SOLUTION_FLAGS };
  return verifyInputs(check, loadVerifierSync('auto')) === undefined;
}

/** undefined: without a witness commitment, or with a solution that cannot be read. */
function signetTransactions(
  block: Block,
  challenge: Uint8Array,
): { readonly toSpend: Transaction; readonly toSign: Transaction } | undefined {
  const index = witnessCommitmentIndex(block);
  if (index === undefined) return undefined;
  const coinbase = block.transactions[0]!;
  const { script, data } = takeSolution(coinbase.outputs[index]!.scriptPubKey);
  // Without a solution the block may still be valid: the challenge may be OP_TRUE.
  const solution = data === undefined ? { scriptSig: EMPTY_BYTES, witness: [] } : readSolution(data);
  if (solution === undefined) return undefined;
  const outputs = coinbase.outputs.map((output, i) =>
    i === index ? { ...output, scriptPubKey: script } : output,
  );
  const bare = createTransaction({
    version: coinbase.version,
    inputs: coinbase.inputs,
    outputs,
    lockTime: coinbase.lockTime,
  });
  const leaves = block.transactions.map((tx, i) => (i === 0 ? bare.txid : tx.txid));
  const w = new Writer();
  w.i32(block.header.version);
  w.hash(block.header.prevHash);
  w.hash(computeMerkleRoot(leaves).root);
  w.u32(block.header.time);
  const toSpend = createTransaction({
    version: 0,
    inputs: [
      {
        prevout: { txid: ZERO_HASH, index: NULL_INDEX },
        scriptSig: concatBytes(Uint8Array.of(OPCODES.OP_0), pushData(w.finish())),
        sequence: 0,
        witness: [],
      },
    ],
    outputs: [{ value: 0, scriptPubKey: challenge }],
    lockTime: 0,
  });
  const toSign = createTransaction({
    version: 0,
    inputs: [{ prevout: { txid: toSpend.txid, index: 0 }, sequence: 0, ...solution }],
    outputs: [{ value: 0, scriptPubKey: Uint8Array.of(OPCODES.OP_RETURN) }],
    lockTime: 0,
  });
  return { toSpend, toSign };
}

/** The commitment's script with the solution cut off behind its mark, and the solution. */
function takeSolution(script: Uint8Array): { readonly script: Uint8Array; readonly data?: Uint8Array } {
  const parts: Uint8Array[] = [];
  let found: Uint8Array | undefined;
  const cursor = new ScriptCursor(script);
  while (cursor.advance()) {
    const pushed = cursor.data();
    if (pushed.length === 0) parts.push(Uint8Array.of(cursor.opcode));
    else if (
      found === undefined &&
      pushed.length > SOLUTION_MARK.length &&
      equalBytes(pushed.subarray(0, SOLUTION_MARK.length), SOLUTION_MARK)
    ) {
      found = pushed.slice(SOLUTION_MARK.length);
      parts.push(pushData(SOLUTION_MARK));
    } else parts.push(pushData(pushed));
  }
  return found === undefined ? { script } : { script: concatBytes(...parts), data: found };
}

function readSolution(data: Uint8Array): Solution | undefined {
  try {
    const r = new Reader(data);
    const scriptSig = r.take(r.compactSize());
    const witness: Uint8Array[] = [];
    for (let count = r.compactSize(COMPACT_SIZE_MAX); count > 0; count -= 1)
      witness.push(r.take(r.compactSize()));
    return r.remaining === 0 ? { scriptSig, witness } : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
