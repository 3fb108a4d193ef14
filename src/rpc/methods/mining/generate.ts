/** Mining on demand, for test chains (Core: rpc/mining.cpp). */
import { bytesToHex, hashToHex, hexToHash, isHex, type Txid } from '../../../base/bytes.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { decodeHexTx } from '../../decode.ts';
import { requireScriptOfAddress, scriptOfAddress, scriptOfDescriptor } from '../../destinations.ts';
import { methodHelp } from '../../help.ts';
import { expectType } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';

/** Hashes tried before giving up (Core: DEFAULT_MAX_TRIES). */
const TRIES_DEFAULT = 1_000_000;

const triesParam: Param = {
  name: 'maxtries',
  type: 'number',
  default: TRIES_DEFAULT,
  doc: 'How many hashes to try.',
};
const hashesDoc = res.array('', 'the hashes of the blocks', [res.hex('', 'the hash of a block')]);
const EXAMPLE_ADDRESS = 'bcrt1q6rhpng9evdsfnn833a4f4vej0asu6dk5srld6x';

/** Gone from Core, whose answer tells what came in its place. */
export const generate: RpcMethod<NodeFacade> = {
  name: 'generate',
  category: 'hidden',
  description: 'has been replaced by the -generate cli option. Refer to -help for more information.',
  params: [],
  results: [],
  examples: [],
  run() {
    throw new RpcError(RpcCode.METHOD_NOT_FOUND, methodHelp(generate));
  },
};

export const generatetoaddress: RpcMethod<NodeFacade> = {
  name: 'generatetoaddress',
  category: 'hidden',
  description: 'Mines blocks that pay to an address.',
  params: [
    { name: 'nblocks', type: 'number', doc: 'How many blocks.' },
    { name: 'address', type: 'string', doc: 'Where the new bitcoin go.' },
    triesParam,
  ],
  results: [hashesDoc],
  examples: [[11, EXAMPLE_ADDRESS]],
  async run({ chain, mining }, args) {
    const count = args.integer('nblocks');
    const maxTries = args.integer('maxtries');
    const scriptPubKey = requireScriptOfAddress(
      args.string('address'),
      chain.params,
      'Error: Invalid address',
    );
    return (await mining.generate({ scriptPubKey, count, maxTries })).map(hashToHex);
  },
};

export const generatetodescriptor: RpcMethod<NodeFacade> = {
  name: 'generatetodescriptor',
  category: 'hidden',
  description: 'Mines blocks that pay to a descriptor.',
  params: [
    { name: 'num_blocks', type: 'number', doc: 'How many blocks.' },
    { name: 'descriptor', type: 'string', doc: 'Where the new bitcoin go.' },
    triesParam,
  ],
  results: [hashesDoc],
  examples: [[11, `addr(${EXAMPLE_ADDRESS})`]],
  async run({ chain, mining }, args) {
    const count = args.integer('num_blocks');
    const maxTries = args.integer('maxtries', 'u64');
    const scriptPubKey = scriptOfDescriptor(args.string('descriptor'), chain.params);
    return (await mining.generate({ scriptPubKey, count, maxTries })).map(hashToHex);
  },
};

export const generateblock: RpcMethod<NodeFacade> = {
  name: 'generateblock',
  category: 'hidden',
  description:
    'Mines a block of given transactions, in their order, that pays to an address or descriptor.\n' +
    'Their fees are not collected.',
  params: [
    { name: 'output', type: 'string', doc: 'The address or descriptor where the new bitcoin go.' },
    {
      name: 'transactions',
      type: 'array',
      doc:
        'Ids of transactions of the mempool, or encoded transactions.\n' +
        'All must be valid in this order, or the block is refused.',
      fields: [{ name: 'rawtx/txid', type: 'hex', optional: true }],
    },
    {
      name: 'submit',
      type: 'boolean',
      default: true,
      doc: 'Whether to submit the block, or to give it encoded instead.',
    },
  ],
  results: [
    res.object('', '', [
      res.hex('hash', 'the hash of the block'),
      res.hex('hex?', 'the encoded block, if it was not submitted'),
    ]),
  ],
  examples: [[EXAMPLE_ADDRESS, ['rawtx', 'mempool_txid']]],
  async run(node, args) {
    const { mining, blocks } = node;
    const scriptPubKey = outputScript(node, args.string('output'));
    const txs = args.array('transactions').map(value => findTx(node, expectType(value, 'string')));
    const unsolved = await mining.assemble(scriptPubKey, txs);
    const reject = await blocks.testBlock(unsolved, { checkMerkleRoot: false });
    if (reject !== undefined) {
      throw new RpcError(RpcCode.VERIFY_ERROR, `TestBlockValidity failed: ${reject.message}`);
    }
    const block = await mining.solve(unsolved, TRIES_DEFAULT);
    if (block === undefined) throw new RpcError(RpcCode.MISC_ERROR, 'Failed to make block.');
    const hash = hashToHex(block.header.hash);
    if (!args.boolean('submit')) return { hash, hex: bytesToHex(block.raw) };
    const result = await blocks.submitBlock(block);
    if (result.status === 'rejected') {
      throw new RpcError(RpcCode.INTERNAL_ERROR, 'ProcessNewBlock, block not accepted');
    }
    return { hash };
  },
};

function outputScript({ chain }: NodeFacade, output: string): Uint8Array {
  try {
    return scriptOfDescriptor(output, chain.params);
  } catch (error) {
    // What is no descriptor may be an address; one that does not fit stays an error.
    const isDescriptor = error instanceof RpcError && !isSyntaxError(error);
    if (!(error instanceof RpcError) || isDescriptor) throw error;
  }
  const script = scriptOfAddress(output, chain.params);
  if (script !== undefined) return script;
  throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Error: Invalid address or descriptor');
}

function isSyntaxError(error: RpcError): boolean {
  return (
    error.code === RpcCode.INVALID_ADDRESS_OR_KEY &&
    error.message !== 'Cannot derive script without private keys'
  );
}

function findTx({ mempool }: NodeFacade, text: string): Transaction {
  if (text.length === 64 && isHex(text)) {
    const entry = mempool.get(hexToHash<Txid>(text));
    if (entry !== undefined) return entry.tx;
    throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, `Transaction ${text} not in mempool.`);
  }
  const tx = decodeHexTx(text);
  if (tx !== undefined) return tx;
  throw new RpcError(
    RpcCode.DESERIALIZATION_ERROR,
    `Transaction decode failed for ${text}. Make sure the tx has at least one input.`,
  );
}
