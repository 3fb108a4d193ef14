/** Showing encoded transactions and scripts (Core: rpc/rawtransaction.cpp). */
import { EMPTY_BYTES } from '../../../base/bytes.ts';
import { encodeAddress } from '../../../script/address.ts';
import { isOpSuccess, isUnspendable, OPCODES, parseScript } from '../../../script/opcodes.ts';
import {
  payToWitness,
  payToWitnessKeyHash,
  type ScriptTemplate,
  solveScript,
  wrapInScriptHash,
  wrapInWitnessScriptHash,
} from '../../../script/templates.ts';
import { toBytes } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { BOTH_TX_FORMATS, decodeHexTx, hasValidOps } from '../../decode.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { scriptFields, scriptToJson, txFields, txToJson } from '../../tx-json.ts';

export const decoderawtransaction: RpcMethod<NodeFacade> = {
  name: 'decoderawtransaction',
  category: 'rawtransactions',
  description: 'Shows an encoded transaction as an object.',
  params: [
    { name: 'hexstring', type: 'hex', doc: 'The encoded transaction' },
    {
      name: 'iswitness',
      type: 'boolean',
      defaultHint: 'depends on heuristic tests',
      doc:
        'Whether it is encoded with witnesses. If absent, both are tried; if true, only with; if false, only without.\n' +
        'It matters for transactions without inputs, which can be read both ways.',
    },
  ],
  results: [res.object('', '', txFields())],
  examples: [['hexstring']],
  run({ chain }, args) {
    const isWitness = args.optionalBoolean('iswitness');
    const formats = isWitness === undefined ? BOTH_TX_FORMATS : ([isWitness ? 'witness' : 'basic'] as const);
    const tx = decodeHexTx(args.string('hexstring'), formats);
    if (tx === undefined) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'TX decode failed');
    return txToJson(tx, chain.params);
  },
};

const [asmDoc, descDoc, hexDoc, addressDoc, typeDoc] = scriptFields;

export const decodescript: RpcMethod<NodeFacade> = {
  name: 'decodescript',
  category: 'rawtransactions',
  description: 'Shows a script, and the addresses of scripts that wrap it.',
  params: [{ name: 'hexstring', type: 'hex', doc: 'the encoded script, which may be empty' }],
  results: [
    res.object('', '', [
      asmDoc!,
      descDoc!,
      addressDoc!,
      typeDoc!,
      res.string('p2sh?', 'the address of the P2SH script that wraps it, if that makes sense'),
      res.object('segwit?', 'the witness script that wraps it, if that makes sense', [
        asmDoc!,
        descDoc!,
        hexDoc!,
        addressDoc!,
        typeDoc!,
        res.string('p2sh-segwit', 'the address of the P2SH script that wraps the witness script'),
      ]),
    ]),
  ],
  examples: [['hexstring']],
  run({ chain: { params } }, args) {
    const script = args.string('hexstring') === '' ? EMPTY_BYTES : toBytes(args.get('hexstring'), 'argument');
    const template = solveScript(script);
    const shown = scriptToJson(script, params, { hex: 'omitted' });
    if (!canBeWrapped(script, template)) return shown;
    const witnessScript = witnessScriptFor(script, template);
    const addressOf = (of: Uint8Array): string | undefined => encodeAddress(of, params.address);
    return {
      ...shown,
      p2sh: addressOf(wrapInScriptHash(script)),
      segwit: witnessScript && {
        ...scriptToJson(witnessScript, params, { knowledge: { scriptOf: () => script } }),
        'p2sh-segwit': addressOf(wrapInScriptHash(witnessScript)),
      },
    };
  },
};

const NEVER_WRAPPED: ReadonlySet<ScriptTemplate['type']> = new Set([
  'nulldata',
  'scripthash',
  'witness_unknown',
  'witness_v1_taproot',
  'anchor',
]);

function canBeWrapped(script: Uint8Array, template: ScriptTemplate): boolean {
  if (NEVER_WRAPPED.has(template.type) || !hasValidOps(script) || isUnspendable(script)) return false;
  for (const { opcode } of parseScript(script)) {
    if (opcode === OPCODES.OP_CHECKSIGADD || isOpSuccess(opcode)) return false;
  }
  return true;
}

/** What spends the same by a witness; undefined for scripts whose keys no witness may have, and for witness programs. */
function witnessScriptFor(script: Uint8Array, template: ScriptTemplate): Uint8Array | undefined {
  const isCompressed = (key: Uint8Array): boolean => key.length === 33;
  switch (template.type) {
    case 'pubkey':
      return isCompressed(template.publicKey) ? payToWitnessKeyHash(template.publicKey) : undefined;
    case 'pubkeyhash':
      return payToWitness(0, template.hash);
    case 'multisig':
      return template.keys.every(isCompressed) ? wrapInWitnessScriptHash(script) : undefined;
    case 'nonstandard':
      return wrapInWitnessScriptHash(script);
    default:
      return undefined;
  }
}
