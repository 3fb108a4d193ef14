/** Showing transactions and scripts (Core: rpc/rawtransaction.cpp). */
import { type BlockHash, bytesToHex, EMPTY_BYTES, hashToHex, type Txid } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import { encodeAddress } from '../../../script/address.ts';
import { isUnspendable, parseScript } from '../../../script/opcodes.ts';
import {
  payToWitness,
  payToWitnessKeyHash,
  type ScriptTemplate,
  solveScript,
  wrapInScriptHash,
  wrapInWitnessScriptHash,
} from '../../../script/templates.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import { toBytes } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { BOTH_TX_FORMATS, decodeHexTx, hasValidOps } from '../../decode.ts';
import type { JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';
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

const blockFields = [
  res.boolean('in_active_chain?', 'whether the given block is in the active chain'),
  ...txFields({ details: 'prevouts', encoding: 'hex', fee: true }),
  res.hex('blockhash?', 'the hash of the block'),
  res.number('confirmations?', 'blocks from this one to the tip'),
  res.time('time?', 'as blocktime'),
  res.time('blocktime?', 'the time of the block in UNIX epoch time'),
];

export const getrawtransaction: RpcMethod<NodeFacade> = {
  name: 'getrawtransaction',
  category: 'rawtransactions',
  description:
    'Gives a transaction of the mempool, or of a block that is named.\n\n' +
    'For transactions of a wallet use gettransaction.\n\n' +
    'Verbosity 0 gives it encoded, 1 as an object, 2 as an object with fee and what it spends.',
  params: [
    { name: 'txid', type: 'hex', doc: 'The id of the transaction' },
    {
      name: 'verbosity|verbose',
      type: 'number',
      default: 0,
      skipTypeCheck: true,
      doc: '0 for the encoding, 1 for an object, 2 for an object with fee and spent outputs',
    },
    { name: 'blockhash', type: 'hex', optional: true, doc: 'The block in which to look' },
  ],
  results: [
    when('for verbosity = 0', res.string('', 'the encoded transaction')),
    when('for verbosity = 1 and 2', res.object('', '', blockFields)),
  ],
  examples: [['mytxid'], ['mytxid', 1], ['mytxid', 2, 'myblockhash']],
  async run(node, args) {
    const { chain } = node;
    // The argument's number is what Core's message shows.
    const txid = args.hash<Txid>('txid', 'parameter 1');
    if (txid === chain.params.genesis.transactions[0]!.txid) {
      throw new RpcError(
        RpcCode.INVALID_ADDRESS_OR_KEY,
        'The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved',
      );
    }
    const verbosity = args.verbosity('verbosity', { fallback: 0, booleans: 'allowed' });
    if (!args.has('blockhash')) return fromMempool(node, txid, verbosity);
    const id = chain.headers.find(args.hash<BlockHash>('blockhash', 'parameter 3'));
    if (id === undefined) throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Block hash not found');
    return await fromBlock(node, txid, id, verbosity);
  },
};

function fromMempool({ chain, mempool }: NodeFacade, txid: Txid, verbosity: number): JsonOut {
  const entry = mempool.get(txid);
  if (entry === undefined) {
    throw notFound(
      'No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries',
    );
  }
  return verbosity <= 0 ? bytesToHex(entry.tx.raw) : txToJson(entry.tx, chain.params, { encoding: 'hex' });
}

async function fromBlock(
  { chain, blocks }: NodeFacade,
  txid: Txid,
  id: HeaderId,
  verbosity: number,
): Promise<JsonOut> {
  const block = await blocks.readBlock(id);
  if (block === undefined) throw new RpcError(RpcCode.MISC_ERROR, 'Block not available');
  const index = block.transactions.findIndex(candidate => candidate.txid === txid);
  const tx: Transaction | undefined = block.transactions[index];
  if (tx === undefined) throw notFound('No such transaction found in the provided block');
  if (verbosity <= 0) return bytesToHex(tx.raw);
  const { headers } = chain;
  const isActive = chain.isActive(id);
  const undo = verbosity >= 2 && index > 0 ? await blocks.readUndo(id) : undefined;
  return {
    in_active_chain: isActive,
    ...txToJson(tx, chain.params, {
      spent: undo?.spent[index - 1],
      encoding: 'hex',
      ...(verbosity >= 2 && { details: 'prevouts' }),
    }),
    blockhash: hashToHex(headers.hashOf(id)),
    confirmations: isActive ? headers.heightOf(chain.tip()) - headers.heightOf(id) + 1 : 0,
    time: isActive ? headers.timeOf(id) : undefined,
    blocktime: isActive ? headers.timeOf(id) : undefined,
  };
}

function notFound(message: string): RpcError {
  return new RpcError(
    RpcCode.INVALID_ADDRESS_OR_KEY,
    `${message}. Use gettransaction for wallet transactions.`,
  );
}

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
const OP_CHECKSIGADD = 0xba;

function canBeWrapped(script: Uint8Array, template: ScriptTemplate): boolean {
  if (NEVER_WRAPPED.has(template.type) || !hasValidOps(script) || isUnspendable(script)) return false;
  for (const { opcode } of parseScript(script)) {
    if (opcode === OP_CHECKSIGADD || isOpSuccess(opcode)) return false;
  }
  return true;
}

/** Opcodes that make a tapscript succeed (BIP342). */
function isOpSuccess(opcode: number): boolean {
  return (
    opcode === 80 ||
    opcode === 98 ||
    (opcode >= 126 && opcode <= 129) ||
    (opcode >= 131 && opcode <= 134) ||
    (opcode >= 137 && opcode <= 138) ||
    (opcode >= 141 && opcode <= 142) ||
    (opcode >= 149 && opcode <= 153) ||
    (opcode >= 187 && opcode <= 254)
  );
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
