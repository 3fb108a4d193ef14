/** Proofs that transactions are in a block (BIP37; Core: rpc/txoutproof.cpp). */
import { type BlockHash, bytesToHex, hashToHex, type Txid } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import { extractMatches, partialMerkleTree } from '../../../consensus/partial-merkle-tree.ts';
import { DecodeError, encode, Reader } from '../../../wire/codec.ts';
import { merkleBlock } from '../../../wire/merkle-block.ts';
import { toHash } from '../../arguments.ts';
import { findHeader } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { requireBlock } from '../../stored-blocks.ts';

/** Outputs of one transaction that a block can hold at most (Core: MAX_OUTPUTS_PER_BLOCK in coins.cpp). */
const OUTPUTS_MAX = Math.floor(4_000_000 / (9 * 4));
/** Outputs that are asked for at once. */
const OUTPUTS_CHUNK = 1000;

export const gettxoutproof: RpcMethod<NodeFacade> = {
  name: 'gettxoutproof',
  category: 'blockchain',
  description:
    'Gives a proof, in hexadecimal, that transactions are in a block.\n\n' +
    'Without a block it only works while one of them has an unspent output, or with -txindex.',
  params: [
    {
      name: 'txids',
      type: 'array',
      doc: 'The transactions, all of one block',
      fields: [{ name: 'txid', type: 'hex', optional: true, doc: 'The id of a transaction' }],
    },
    { name: 'blockhash', type: 'hex', optional: true, doc: 'The block to look into' },
  ],
  results: [res.string('data', 'the encoded proof')],
  examples: [[['mytxid']], [['mytxid'], 'blockhash']],
  async run(node, args) {
    const txids = readTxids(args.array('txids').map(value => expectType(value, 'string')));
    const id = args.has('blockhash')
      ? findHeader(node.chain, args.hash<BlockHash>('blockhash'))
      : await findBlockOf(node, txids);
    const { header, transactions } = await requireBlock(node, id);
    const matches = transactions.map(({ txid }) => txids.has(txid));
    if (matches.filter(isMatch => isMatch).length !== txids.size) {
      throw notFound('Not all transactions found in specified or retrieved block');
    }
    const tree = partialMerkleTree(
      transactions.map(({ txid }) => txid),
      matches,
    );
    return bytesToHex(encode(merkleBlock, { header, tree }));
  },
};

function readTxids(texts: readonly string[]): ReadonlySet<Txid> {
  if (texts.length === 0) throw invalid("Parameter 'txids' cannot be empty");
  const txids = new Set<Txid>();
  for (const text of texts) {
    const txid = toHash<Txid>(text, 'txid');
    if (txids.has(txid)) throw invalid(`Invalid parameter, duplicated txid: ${text}`);
    txids.add(txid);
  }
  return txids;
}

/** By an unspent output of any of them, else by the index. */
async function findBlockOf(node: NodeFacade, txids: ReadonlySet<Txid>): Promise<HeaderId> {
  const { chain, indexes } = node;
  const sorted = [...txids].sort();
  for (const txid of sorted) {
    const height = await heightOfUnspent(node, txid);
    const id = height === undefined ? undefined : chain.atHeight(height);
    if (id !== undefined) return id;
  }
  await indexes.transactions?.progress.caughtUp();
  const found = await indexes.transactions?.find(sorted[0]!);
  if (found === undefined) throw notFound('Transaction not yet in block');
  return found.block;
}

async function heightOfUnspent({ coins }: NodeFacade, txid: Txid): Promise<number | undefined> {
  for (let index = 0; index < OUTPUTS_MAX; index += OUTPUTS_CHUNK) {
    const outPoints = Array.from({ length: Math.min(OUTPUTS_CHUNK, OUTPUTS_MAX - index) }, (_, i) => ({
      txid,
      index: index + i,
    }));
    const found = (await coins.coins(outPoints)).find(coin => coin !== undefined);
    if (found !== undefined) return found.height;
  }
  return undefined;
}

export const verifytxoutproof: RpcMethod<NodeFacade> = {
  name: 'verifytxoutproof',
  category: 'blockchain',
  description: 'Tells which transactions a proof proves to be in a block of the main chain.',
  params: [{ name: 'proof', type: 'hex', doc: 'The proof, as gettxoutproof gives it' }],
  results: [
    res.array('', '', [res.hex('txid', 'the id of a transaction; none when the proof proves nothing')]),
  ],
  examples: [['proof']],
  run({ chain }, args) {
    const { header, tree } = decodeProof(args.bytes('proof'));
    const proven = extractMatches(tree);
    if (proven?.root !== header.merkleRoot) return [];
    const id = chain.headers.find(header.hash);
    const txCount = id === undefined || !chain.isActive(id) ? 0 : chain.headers.txCountOf(id);
    if (txCount === 0) throw notFound('Block not found in chain');
    // Else the tree would be another one than the block's, cut off at a hash that is no transaction.
    if (txCount !== tree.transactionCount) return [];
    return proven.matches.map(({ txid }) => hashToHex(txid));
  },
};

/** Bytes behind the proof are ignored, as Core does. */
function decodeProof(bytes: Uint8Array) {
  try {
    return merkleBlock.read(new Reader(bytes));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new RpcError(RpcCode.MISC_ERROR, `The proof cannot be decoded: ${error.message}`);
  }
}

function invalid(message: string): RpcError {
  return new RpcError(RpcCode.INVALID_PARAMETER, message);
}

function notFound(message: string): RpcError {
  return new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, message);
}
