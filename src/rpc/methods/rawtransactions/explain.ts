/** Why a transaction is refused, in words and by parts: an answer that Core does not have. */
import { EMPTY_BYTES, hashToHex } from '../../../base/bytes.ts';
import { explainTransaction, type RefusedBy, type TxReport } from '../../../consensus/explain-tx.ts';
import { Reject, type RejectKind } from '../../../consensus/reject.ts';
import { loadVerifierSync } from '../../../crypto/verifier.ts';
import { MANDATORY_SCRIPT_FLAGS, parseFlags, STANDARD_SCRIPT_FLAGS } from '../../../script/flags.ts';
import type { Transaction, TxOutput } from '../../../wire/transaction.ts';
import { toBytes } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { decodeHexTx } from '../../decode.ts';
import { expectType, type JsonOut, type JsonValue, toInteger } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

/** Whose rule it is: of blocks as the chain stands now, or of this node's mempool. */
const REFUSED_BY: Readonly<Record<RejectKind, RefusedBy>> = {
  consensus: 'consensus',
  header: 'consensus',
  mutated: 'consensus',
  'missing-parent': 'consensus',
  'invalid-parent': 'consensus',
  future: 'consensus',
  'low-work': 'policy',
  policy: 'policy',
  reconsiderable: 'policy',
  'missing-inputs': 'consensus',
  premature: 'consensus',
  conflict: 'policy',
  witness: 'consensus',
};

export const explaintransaction: RpcMethod<NodeFacade> = {
  name: 'explaintransaction',
  category: 'rawtransactions',
  description:
    'Tells why a transaction is refused: which input fails, at which opcode, on which stack, by which rule, and whether\n' +
    'that rule is one of consensus or of policy. Nothing is sent or stored.\n\n' +
    'Without prevouts, the spent outputs are looked for in the chain and in the mempool, and the mempool is asked too.',
  params: [
    { name: 'hexstring', type: 'hex', doc: 'The encoded transaction' },
    {
      name: 'prevouts',
      type: 'array',
      optional: true,
      doc: 'The spent outputs by input, each [value in satoshi, scriptPubKey in hex]; only amounts and scripts are judged then.',
      fields: [{ name: 'prevout', type: 'array', optional: true }],
    },
    {
      name: 'flags',
      type: 'string',
      default: 'standard',
      doc: 'The script rules: standard, consensus, or their names with commas between them.',
    },
  ],
  results: [
    res.object('', '', [
      res.hex('txid', 'the id of the transaction'),
      res.hex('wtxid', 'the hash with witnesses'),
      res.array('inputs', 'those whose scripts fail', [
        res.object('', '', [
          res.number('input', 'its index'),
          res.string('refused_by', '"consensus" or "policy"'),
          res.string('error', 'the name of the script error'),
          res.string('error_text', 'the same as reject reasons show it'),
          res.string('flag?', 'the rule without which it would not fail so'),
          res.string('consensus_error?', 'the error under the rules of blocks alone, if that is another one'),
          res.string(
            'script?',
            '"scriptSig", "scriptPubKey", "redeemScript", "witnessScript" or "tapscript"',
          ),
          res.string('opcode?', 'the instruction that failed; absent when the script had ended or not begun'),
          res.number('position?', 'its first byte in the script'),
          res.number('instruction?', 'the number of instructions before it'),
          res.array('stack', 'before that instruction, bottom first', [res.hex('', 'an item')]),
          res.array('alt_stack', 'the other stack', [res.hex('', 'an item')]),
          res.string('explanation', 'the same in words'),
        ]),
      ]),
      res.boolean('valid', 'whether nothing is wrong with it'),
      res.string('refused_by?', '"consensus" or "policy"'),
      res.string('reason?', 'the reject reason'),
      res.string('details?', 'more about that'),
      res.string('explanation', 'the same in words'),
    ]),
  ],
  examples: [['signedhex'], ['signedhex', [[100000, '0014…']]]],
  async run(node, args) {
    const tx = decodeHexTx(args.string('hexstring'));
    if (tx === undefined) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'TX decode failed');
    const flags = flagsFrom(args.string('flags'));
    const explain = (spent: readonly TxOutput[]) =>
      explainTransaction(tx, spent, { flags, verifier: loadVerifierSync('auto') });
    if (args.isGiven('prevouts')) {
      const given = args.array('prevouts').map(readPrevout);
      if (given.length !== tx.inputs.length) {
        throw new RpcError(
          RpcCode.INVALID_PARAMETER,
          `${tx.inputs.length} prevouts are needed, one an input`,
        );
      }
      return toJson(explain(given));
    }
    const spent = await findSpent(node, tx);
    const missing = tx.inputs.filter((_, i) => spent[i] === undefined);
    const [verdict] = (await node.pool.test([tx])).results;
    const refusal = verdict instanceof Reject ? verdict : undefined;
    if (missing.length > 0) {
      // What it spent is gone because it is in a block itself.
      if (refusal?.kind === 'conflict') return toJson(refused(tx, refusal, wordsFor(refusal)));
      const names = missing.map(({ prevout }) => `${hashToHex(prevout.txid)}:${prevout.index}`).join(', ');
      const words = `It spends what is neither in the chain nor in the mempool: ${names}.`;
      return toJson(refused(tx, new Reject('bad-txns-inputs-missingorspent'), words));
    }
    const report = explain(spent as readonly TxOutput[]);
    if (!report.valid || refusal === undefined) return toJson(report);
    return toJson(refused(tx, refusal, wordsFor(refusal)));
  },
};

/** In the mempool or in the chain; what is spent there, too, as long as it is only by the mempool. */
async function findSpent(node: NodeFacade, tx: Transaction): Promise<readonly (TxOutput | undefined)[]> {
  return Promise.all(
    tx.inputs.map(({ prevout }) => {
      const parent = node.mempool.get(prevout.txid)?.tx;
      return parent === undefined ? node.coins.coin(prevout) : parent.outputs[prevout.index];
    }),
  );
}

function refused(tx: Transaction, { text, detail, kind }: Reject, explanation: string): TxReport {
  return {
    txid: hashToHex(tx.txid),
    wtxid: hashToHex(tx.wtxid),
    inputs: [],
    valid: false,
    refused_by: REFUSED_BY[kind],
    reason: text,
    ...(detail !== '' && { details: detail }),
    explanation,
  };
}

function wordsFor({ message, kind }: Reject): string {
  if (kind === 'conflict') return `The mempool has it, or something that it is against: ${message}.`;
  if (kind === 'premature') return `The next block may not hold it yet: ${message}.`;
  return REFUSED_BY[kind] === 'consensus'
    ? `No block may hold it: ${message}.`
    : `Its scripts are valid, and a block may hold it; this node's mempool does not take it: ${message}.`;
}

function readPrevout(value: JsonValue): TxOutput {
  const [amount, script] = expectType(value, 'array');
  const scriptPubKey = script === '' ? EMPTY_BYTES : toBytes(script, 'scriptPubKey');
  return { value: toInteger(amount, 'i64'), scriptPubKey };
}

function flagsFrom(text: string): number {
  if (text === 'standard') return STANDARD_SCRIPT_FLAGS;
  if (text === 'consensus') return MANDATORY_SCRIPT_FLAGS;
  try {
    return parseFlags(text);
  } catch (error) {
    throw new RpcError(RpcCode.INVALID_PARAMETER, (error as Error).message);
  }
}

function toJson(report: TxReport): JsonOut {
  return { ...report, inputs: report.inputs.map(each => ({ ...each })) };
}
