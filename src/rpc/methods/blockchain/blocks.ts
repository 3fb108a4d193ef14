/** Blocks and headers by hash or height (Core: rpc/blockchain.cpp). */
import { type BlockHash, bytesToHex, hashToHex } from '../../../base/bytes.ts';
import { blockWeight, encodeHeader, strippedBlockSize } from '../../../wire/block.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import { difficultyOf, findHeader, headerFields, headerToJson } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { ResultDoc, RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';
import { requireBlock, undoIfAny } from '../../stored-blocks.ts';
import { txFields, txToJson } from '../../tx-json.ts';

const EXAMPLE_HASH = '00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09';

export const getblockcount: RpcMethod<NodeFacade> = {
  name: 'getblockcount',
  category: 'blockchain',
  description: 'Tells the height of the tip of the validated chain with the most work. Genesis has height 0.',
  params: [],
  results: [res.number('', 'the height')],
  examples: [[]],
  run: ({ chain }) => chain.headers.heightOf(chain.tip()),
};

export const getbestblockhash: RpcMethod<NodeFacade> = {
  name: 'getbestblockhash',
  category: 'blockchain',
  description: 'Tells the hash of the tip of the validated chain with the most work.',
  params: [],
  results: [res.hex('', 'the hash of the block')],
  examples: [[]],
  run: ({ chain }) => hashToHex(chain.headers.hashOf(chain.tip())),
};

export const getblockhash: RpcMethod<NodeFacade> = {
  name: 'getblockhash',
  category: 'blockchain',
  description: 'Tells the hash of the block of the best chain at a height.',
  params: [{ name: 'height', type: 'number', doc: 'The height' }],
  results: [res.hex('', 'the hash of the block')],
  examples: [[1000]],
  run({ chain }, args) {
    const height = args.integer('height');
    const id = height < 0 ? undefined : chain.atHeight(height);
    if (id === undefined) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Block height out of range');
    return hashToHex(chain.headers.hashOf(id));
  },
};

export const getdifficulty: RpcMethod<NodeFacade> = {
  name: 'getdifficulty',
  category: 'blockchain',
  description: 'Tells the difficulty of the proof of work as a multiple of the least one.',
  params: [],
  results: [res.number('', 'the difficulty')],
  examples: [[]],
  run: ({ chain }) => difficultyOf(chain.headers.bitsOf(chain.tip())),
};

export const getblockheader: RpcMethod<NodeFacade> = {
  name: 'getblockheader',
  category: 'blockchain',
  description: 'Gives the header of a block, as an object or, if verbose is false, encoded in hexadecimal.',
  params: [
    { name: 'blockhash', type: 'hex', doc: 'The hash of the block' },
    { name: 'verbose', type: 'boolean', default: true, doc: 'true for an object, false for the encoding' },
  ],
  results: [
    when('for verbose = true', res.object('', '', headerFields)),
    when('for verbose = false', res.hex('', 'the 80 bytes of the header')),
  ],
  examples: [[EXAMPLE_HASH]],
  run({ chain }, args) {
    const id = findHeader(chain, args.hash<BlockHash>('blockhash', 'hash'));
    if (!args.boolean('verbose')) return bytesToHex(encodeHeader(chain.headers.headerOf(id)));
    return headerToJson(chain, id);
  },
};

const coinbaseDoc = res.object('coinbase_tx', 'what miners set in the coinbase', [
  res.number('version', 'the version of the transaction'),
  res.number('locktime', 'its lock time'),
  res.number('sequence', 'the sequence number of its input'),
  res.hex('coinbase', 'the script of its input'),
  res.hex('witness?', 'the one item of its witness'),
]);

function blockFields(tx: ResultDoc): readonly ResultDoc[] {
  return [
    ...headerFields,
    res.number('strippedsize', 'bytes without witnesses'),
    res.number('size', 'bytes'),
    res.number('weight', 'the weight (BIP141)'),
    coinbaseDoc,
    tx,
  ];
}

export const getblock: RpcMethod<NodeFacade> = {
  name: 'getblock',
  category: 'blockchain',
  description:
    'Gives a block: encoded in hexadecimal (verbosity 0), as an object with the ids of its transactions (1), with the\n' +
    'transactions (2), or with the transactions and what they spend (3).',
  params: [
    { name: 'blockhash', type: 'hex', doc: 'The hash of the block' },
    {
      name: 'verbosity|verbose',
      type: 'number',
      default: 1,
      skipTypeCheck: true,
      doc: '0 for the encoding, 1, 2 and 3 for an object with more and more detail',
    },
  ],
  results: [
    when('for verbosity = 0', res.hex('', 'the encoded block')),
    when(
      'for verbosity = 1',
      res.object('', '', blockFields(res.array('tx', '', [res.hex('', 'the id of a transaction')]))),
    ),
    when('for verbosity = 2', res.object('', '', blockFields(res.array('tx', '', [txDoc()])))),
    when('for verbosity = 3', res.object('', '', blockFields(res.array('tx', '', [txDoc('prevouts')])))),
  ],
  examples: [[EXAMPLE_HASH]],
  async run(node, args) {
    const hash = args.hash<BlockHash>('blockhash');
    const verbosity = args.verbosity('verbosity', { fallback: 1, booleans: 'allowed' });
    const id = findHeader(node.chain, hash);
    const block = await requireBlock(node, id);
    if (verbosity <= 0) return bytesToHex(block.raw);
    const undo = verbosity >= 2 ? await undoIfAny(node, id) : undefined;
    return {
      ...headerToJson(node.chain, id),
      strippedsize: strippedBlockSize(block),
      size: block.raw.length,
      weight: blockWeight(block),
      coinbase_tx: coinbaseToJson(block.transactions[0]!),
      tx: block.transactions.map((tx, i) =>
        verbosity === 1
          ? hashToHex(tx.txid)
          : txToJson(tx, node.chain.params, {
              spent: i === 0 ? undefined : undo?.spent[i - 1],
              encoding: 'hex',
              ...(verbosity >= 3 && { details: 'prevouts' }),
            }),
      ),
    };
  },
};

function txDoc(details?: 'prevouts'): ResultDoc {
  return res.object('', '', txFields({ encoding: 'hex', fee: true, ...(details && { details }) }));
}

function coinbaseToJson(tx: Transaction): JsonOut {
  const input = tx.inputs[0]!;
  return {
    version: tx.version,
    locktime: tx.lockTime,
    sequence: input.sequence,
    coinbase: bytesToHex(input.scriptSig),
    witness: input.witness[0] && bytesToHex(input.witness[0]),
  };
}
