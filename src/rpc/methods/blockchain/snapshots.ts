/** All coins in one file, and out of it (Core: rpc/blockchain.cpp). */
import { isAbsolute, resolve } from 'node:path';
import { hashToHex } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import type { Arguments } from '../../arguments.ts';
import { bitsText, difficultyOf, findHeightOrHash, targetText } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { JsonNumber } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { SnapshotFileError } from '../../snapshot-access.ts';

/** Of LevelDB's blocks in memory (store/level.ts). */
const DATABASE_CACHE_BYTES = 16 * 1024 * 1024;

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
    const result = await orRpcError(path, snapshots.dump({ path, target, inMemory, stopping }));
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

export const loadtxoutset: RpcMethod<NodeFacade> = {
  name: 'loadtxoutset',
  category: 'blockchain',
  description:
    'Takes over all unspent outputs from a file, and goes on from their block at once. Meanwhile all blocks before it are\n' +
    'validated in the background, which needs the usual time; getchainstates tells how far that is.\n\n' +
    'Only a file with a hash that the network’s description names is taken, so it may come from anywhere. All headers up\n' +
    'to its block must be known. The client should wait without a time-out of its own.',
  params: [{ name: 'path', type: 'string', doc: 'The file, below the data directory if relative.' }],
  results: [
    res.object('', '', [
      res.number('coins_loaded', 'how many coins were taken'),
      res.hex('tip_hash', 'the hash of the block that they stand at'),
      res.number('base_height', 'the height of that block'),
      res.string('path', 'the absolute path of the file'),
    ]),
  ],
  examples: [['utxo.dat']],
  async run(node, args, { stopping }) {
    const { headers } = node.chain;
    const path = pathOf(node, args.string('path'));
    const { coins, base } = await orRpcError(path, node.snapshots.load(path, stopping));
    return {
      coins_loaded: coins,
      tip_hash: hashToHex(headers.hashOf(base)),
      base_height: headers.heightOf(base),
      path,
    };
  },
};

export const getchainstates: RpcMethod<NodeFacade> = {
  name: 'getchainstates',
  category: 'blockchain',
  description: 'Tells about the chainstates: one, or two while the history below a snapshot is validated.',
  params: [],
  results: [
    res.object('', '', [
      res.number('headers', 'the height of the best header'),
      res.array('chainstates', 'the active one last', [
        res.object('', '', [
          res.number('blocks', 'the height of its tip'),
          res.hex('bestblockhash', 'the hash of its tip'),
          res.hex('bits', 'the target of its tip in compact form'),
          res.hex('target', 'the target of its tip'),
          res.number('difficulty', 'the difficulty of its tip'),
          res.number('verificationprogress', 'how much of the chain it has, by estimate (0..1)'),
          res.hex('snapshot_blockhash?', 'the hash of the block of the snapshot that it was made from'),
          res.number('coins_db_cache_bytes', 'bytes of cache of its database'),
          res.number('coins_tip_cache_bytes', 'bytes of its cache of coins'),
          res.boolean('validated', 'whether all of its blocks were validated'),
        ]),
      ]),
    ]),
  ],
  examples: [[]],
  run({ chain, snapshots }) {
    const { headers } = chain;
    return {
      headers: headers.heightOf(chain.bestHeader()),
      chainstates: snapshots.chainstates().map(({ tip, ...state }) => {
        const bits = headers.bitsOf(tip);
        return {
          blocks: headers.heightOf(tip),
          bestblockhash: hashToHex(headers.hashOf(tip)),
          bits: bitsText(bits),
          target: targetText(bits),
          difficulty: difficultyOf(bits),
          verificationprogress: state.verificationProgress,
          coins_db_cache_bytes: DATABASE_CACHE_BYTES,
          coins_tip_cache_bytes: Math.floor(state.coinsCacheBytes),
          snapshot_blockhash:
            state.snapshotBase === undefined ? undefined : hashToHex(headers.hashOf(state.snapshotBase)),
          validated: state.isValidated,
        };
      }),
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

async function orRpcError<T>(path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof SnapshotFileError)) throw error;
    switch (error.kind) {
      case 'file':
        throw invalid(error.message);
      case 'format':
        throw new RpcError(RpcCode.DESERIALIZATION_ERROR, `Unable to parse metadata: ${error.message}`);
      case 'content':
        throw new RpcError(
          RpcCode.INTERNAL_ERROR,
          `Unable to load UTXO snapshot: ${error.message}. (${path})`,
        );
    }
  }
}

function invalid(message: string): RpcError {
  return new RpcError(RpcCode.INVALID_PARAMETER, message);
}
