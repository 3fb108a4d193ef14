/** All coins in one file, and out of it (Core: rpc/blockchain.cpp). */
import { isAbsolute, resolve } from 'node:path';
import { hashToHex } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import type { Arguments } from '../../arguments.ts';
import { findHeightOrHash } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { JsonNumber } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { SnapshotFileError } from '../../snapshot-access.ts';

export const dumptxoutset: RpcMethod<NodeFacade> = {
  name: 'dumptxoutset',
  category: 'blockchain',
  description:
    'Writes all unspent outputs to a file, which loadtxoutset can take where its block is one that the network knows.\n' +
    'The chain goes on meanwhile. For an earlier block, what came after it is undone in a database beside the file,\n' +
    'which may be left over after a crash. The client should wait without a time-out of its own.',
  params: [
    {
      name: 'path',
      type: 'string',
      doc: 'The file to write, which must not be there; below the data directory if relative.',
    },
    {
      name: 'type',
      type: 'string',
      default: '',
      doc: '"latest" for the tip, "rollback" for the last block that loadtxoutset knows. May be left out when rollback is given.',
    },
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      fields: [
        {
          name: 'rollback',
          type: 'number',
          optional: true,
          skipTypeCheck: true,
          typeText: ['', 'string or numeric'],
          doc: 'The block to write, by hash or height. The deeper it lies, the longer it takes.',
        },
        {
          name: 'in_memory',
          type: 'boolean',
          default: false,
          doc: 'Whether what is undone is kept in memory: faster, but on mainnet it may be many gigabytes.',
        },
      ],
    },
  ],
  results: [
    res.object('', '', [
      res.number('coins_written', 'how many coins were written'),
      res.hex('base_hash', 'the hash of the block that they stand at'),
      res.number('base_height', 'the height of that block'),
      res.string('path', 'the absolute path of the file'),
      res.hex('txoutset_hash', 'the hash of the coins'),
      res.number('nchaintx', 'transactions of the chain up to that block'),
    ]),
  ],
  examples: [
    ['utxo.dat', 'latest'],
    ['utxo.dat', 'rollback'],
  ],
  async run(node, args, { stopping }) {
    const { chain, snapshots } = node;
    const { headers } = chain;
    const target = targetOf(node, args);
    refusePruned(node, target);
    const path = pathOf(node, args.string('path'));
    const inMemory = args.options('options').boolean('in_memory');
    const result = await orRpcError(snapshots.dump({ path, target, inMemory, stopping }));
    return {
      coins_written: result.coins,
      base_hash: hashToHex(headers.hashOf(target)),
      base_height: headers.heightOf(target),
      path,
      txoutset_hash: result.txOutSetHash,
      nchaintx: headers.chainTxCountOf(target),
    };
  },
};

function targetOf({ chain }: NodeFacade, args: Arguments): HeaderId {
  const type = args.string('type');
  const rollback = args.options('options').get('rollback');
  if (rollback !== undefined) {
    if (type !== '' && type !== 'rollback') {
      throw invalid(`Invalid snapshot type "${type}" specified with rollback option`);
    }
    return findHeightOrHash(chain, rollback);
  }
  if (type === 'latest') return chain.tip();
  if (type === 'rollback') {
    const height = Math.max(...chain.params.assumeUtxo.map(known => known.height));
    if (!Number.isFinite(height)) throw invalid('This network knows no block to roll back to: give a height');
    return findHeightOrHash(chain, new JsonNumber(String(height)));
  }
  throw invalid(`Invalid snapshot type "${type}" specified. Please specify "rollback" or "latest"`);
}

function refusePruned({ blocks, chain }: NodeFacade, target: HeaderId): void {
  if (blocks.pruning === undefined || target === chain.tip()) return;
  if ((blocks.pruneHeight() ?? -1) < chain.headers.heightOf(target)) return;
  throw new RpcError(
    RpcCode.MISC_ERROR,
    'Could not roll back to requested height since necessary block data is already pruned.',
  );
}

function pathOf({ snapshots }: NodeFacade, path: string): string {
  return isAbsolute(path) ? path : resolve(snapshots.directory, path);
}

async function orRpcError<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof SnapshotFileError) throw invalid(error.message);
    throw error;
  }
}

function invalid(message: string): RpcError {
  return new RpcError(RpcCode.INVALID_PARAMETER, message);
}
