/** The mempool as it stands (Core: rpc/mempool.cpp). */
import { hashToHex, type Txid } from '../../../base/bytes.ts';
import { toUnixSeconds } from '../../../base/clock.ts';
import type { MempoolEntry } from '../../../mempool/mempool-view.ts';
import type { Arguments } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount, type JsonOut } from '../../json.ts';
import type { ResultDoc, RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res, when } from '../../result-doc.ts';

const EXAMPLE_TXID = 'd5b8d3cd24ec79fbc1c2fa1f24bcd7c5f1a2e0d2ab1d0e3bd3ffcf9f4cbb9b25';

/** An input with at most this says that the transaction may be replaced (BIP125). */
const SEQUENCE_REPLACEABLE_MAX = 0xffff_fffd;

export const getmempoolinfo: RpcMethod<NodeFacade> = {
  name: 'getmempoolinfo',
  category: 'blockchain',
  description: 'Tells the state of the mempool.',
  params: [],
  results: [
    res.object('', '', [
      res.boolean('loaded', 'whether the stored mempool has been read back'),
      res.number('size', 'the number of transactions'),
      res.number('bytes', 'the sum of their virtual sizes'),
      res.number('usage', 'bytes of memory'),
      res.amount('total_fee', 'the sum of their fees in BTC'),
      res.number('maxmempool', 'bytes of memory at most'),
      res.amount('mempoolminfee', 'the least fee rate that is accepted now, in BTC/kvB'),
      res.amount('minrelaytxfee', 'the least fee rate that is ever accepted, in BTC/kvB'),
      res.number('incrementalrelayfee', 'the least raise of a fee rate in a replacement, in BTC/kvB'),
      res.number('unbroadcastcount', 'the number of transactions that no peer has asked for yet'),
      res.boolean('permitbaremultisig', 'whether bare multisig outputs are accepted'),
      res.number('maxdatacarriersize', 'bytes of OP_RETURN outputs in a transaction at most'),
      res.number('limitclustercount', 'transactions of a cluster at most'),
      res.number('limitclustersize', 'virtual bytes of a cluster at most'),
      res.boolean('fullrbf?', 'whether everything may be replaced (going away: -deprecatedrpc=fullrbf)'),
      res.boolean('optimal', 'whether the mining order is known to be the best one'),
    ]),
  ],
  examples: [[]],
  run({ mempool, pool, process, clock }) {
    const { options } = pool;
    return {
      loaded: pool.isLoaded,
      size: mempool.size,
      bytes: mempool.bytes,
      usage: mempool.usage,
      total_fee: amount(mempool.totalFee),
      maxmempool: options.usageMax,
      mempoolminfee: amount(mempool.minFeeRate(clock.now())),
      minrelaytxfee: amount(options.minRelayFeeRate),
      incrementalrelayfee: amount(options.incrementalRelayFeeRate),
      unbroadcastcount: mempool.unbroadcast().size,
      permitbaremultisig: options.permitBareMultisig,
      maxdatacarriersize: options.dataCarrierBytesMax,
      limitclustercount: options.clusterCountMax,
      limitclustersize: options.clusterSizeMax,
      optimal: true,
      ...(process.deprecatedRpcs.includes('fullrbf') && { fullrbf: true }),
    };
  },
};

const entryFields: readonly ResultDoc[] = [
  res.number('vsize', 'virtual bytes, with respect to signature operations'),
  res.number('weight', 'the weight (BIP141)'),
  res.time('time', 'when it entered, in UNIX epoch time'),
  res.number('height', 'the height of the tip when it entered'),
  res.number('descendantcount', 'transactions of the mempool that depend on it, itself included'),
  res.number('descendantsize', 'their virtual bytes'),
  res.number('ancestorcount', 'transactions of the mempool that it depends on, itself included'),
  res.number('ancestorsize', 'their virtual bytes'),
  res.hex('wtxid', 'the hash with witnesses'),
  res.number('chunkweight', 'weight of the chunk it would be mined in, with respect to signature operations'),
  res.object('fees', '', [
    res.amount('base', 'the fee in BTC'),
    res.amount('modified', 'the fee as it counts for mining, in BTC'),
    res.amount('ancestor', 'such fees of its ancestors and itself, in BTC'),
    res.amount('descendant', 'such fees of its descendants and itself, in BTC'),
    res.amount('chunk', 'such fees of its chunk, in BTC'),
  ]),
  res.array('depends', 'unconfirmed transactions that it spends from', [
    res.hex('transactionid', 'the id of a parent'),
  ]),
  res.array('spentby', 'unconfirmed transactions that spend from it', [
    res.hex('transactionid', 'the id of a child'),
  ]),
  res.boolean('unbroadcast', 'whether no peer has asked for it yet'),
  res.boolean(
    'bip125-replaceable?',
    'whether it, or one that it depends on, says that it may be replaced (going away: -deprecatedrpc=bip125)',
  ),
];

const listDoc = when('for verbose = false', res.array('', '', [res.hex('', 'the id of a transaction')]));
const verboseDoc = when(
  'for verbose = true',
  res.userKeys('', '', [res.object('transactionid', '', entryFields)]),
);

const txidParam: Param = {
  name: 'txid',
  type: 'hex',
  doc: 'The id of the transaction, which must be in the mempool',
};
const verboseParam: Param = {
  name: 'verbose',
  type: 'boolean',
  default: false,
  doc: 'True for an object of entries, false for an array of ids',
};

export const getrawmempool: RpcMethod<NodeFacade> = {
  name: 'getrawmempool',
  category: 'blockchain',
  description:
    'Lists the transactions of the mempool, best first.\n\nTo see one of them use getmempoolentry.',
  params: [
    verboseParam,
    {
      name: 'mempool_sequence',
      type: 'boolean',
      default: false,
      doc: 'With verbose=false: gives an object with the ids and the sequence number of the mempool.',
    },
  ],
  results: [
    listDoc,
    verboseDoc,
    when(
      'for verbose = false and mempool_sequence = true',
      res.object('', '', [
        res.array('txids', '', [res.hex('', 'the id of a transaction')]),
        res.number('mempool_sequence', 'the sequence number of the mempool'),
      ]),
    ),
  ],
  examples: [[true]],
  run(node, args) {
    const withSequence = args.boolean('mempool_sequence');
    if (args.boolean('verbose') && withSequence) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Verbose results cannot contain mempool sequence values.',
      );
    }
    const { mempool } = node;
    const txids = Array.from(mempool.entries(), entry => entry.tx.txid);
    txids.sort((a, b) => mempool.compareMiningOrder(a, b));
    const list = entryList(node, txids, args);
    return withSequence ? { txids: list, mempool_sequence: mempool.sequence } : list;
  },
};

export const getmempoolentry: RpcMethod<NodeFacade> = {
  name: 'getmempoolentry',
  category: 'blockchain',
  description: 'Tells about a transaction of the mempool.',
  params: [txidParam],
  results: [res.object('', '', entryFields)],
  examples: [[EXAMPLE_TXID]],
  run: (node, args) => entryToJson(node, findEntry(node, args)),
};

export const getmempoolancestors: RpcMethod<NodeFacade> = {
  name: 'getmempoolancestors',
  category: 'blockchain',
  description: 'Lists the transactions of the mempool that one of them depends on.',
  params: [txidParam, verboseParam],
  results: [listDoc, verboseDoc],
  examples: [[EXAMPLE_TXID]],
  run: (node, args) => entryList(node, node.mempool.ancestorsOf(findEntry(node, args).tx.txid), args),
};

export const getmempooldescendants: RpcMethod<NodeFacade> = {
  name: 'getmempooldescendants',
  category: 'blockchain',
  description: 'Lists the transactions of the mempool that depend on one of them.',
  params: [txidParam, verboseParam],
  results: [listDoc, verboseDoc],
  examples: [[EXAMPLE_TXID]],
  run: (node, args) => entryList(node, node.mempool.descendantsOf(findEntry(node, args).tx.txid), args),
};

function findEntry({ mempool }: NodeFacade, args: Arguments): MempoolEntry {
  const entry = mempool.get(args.hash<Txid>('txid'));
  if (entry === undefined) {
    throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Transaction not in mempool');
  }
  return entry;
}

function entryList(node: NodeFacade, txids: readonly Txid[], args: Arguments): JsonOut {
  if (!args.boolean('verbose')) return txids.map(hashToHex);
  return Object.fromEntries(txids.map(txid => [hashToHex(txid), entryToJson(node, node.mempool.get(txid)!)]));
}

function entryToJson({ mempool, pool, process }: NodeFacade, entry: MempoolEntry): JsonOut {
  const { tx } = entry;
  const ancestors = familyOf(entry, mempool.ancestorsOf(tx.txid));
  const descendants = familyOf(entry, mempool.descendantsOf(tx.txid));
  const chunk = pool.chunkOf(tx.txid);
  return {
    vsize: entry.virtualSize,
    weight: tx.weight,
    time: toUnixSeconds(entry.time),
    height: entry.entryHeight,
    descendantcount: descendants.count,
    descendantsize: descendants.size,
    ancestorcount: ancestors.count,
    ancestorsize: ancestors.size,
    wtxid: hashToHex(tx.wtxid),
    chunkweight: chunk.weight,
    fees: {
      base: amount(entry.fee),
      modified: amount(entry.modifiedFee),
      ancestor: amount(ancestors.fees),
      descendant: amount(descendants.fees),
      chunk: amount(chunk.fee),
    },
    depends: mempool.parentsOf(tx.txid).map(hashToHex).sort(),
    spentby: mempool.childrenOf(tx.txid).toSorted().map(hashToHex),
    unbroadcast: mempool.unbroadcast().has(tx.txid),
    ...(process.deprecatedRpcs.includes('bip125') && {
      'bip125-replaceable': [tx.txid, ...mempool.ancestorsOf(tx.txid)].some(
        txid =>
          mempool.get(txid)?.tx.inputs.some(({ sequence }) => sequence <= SEQUENCE_REPLACEABLE_MAX) === true,
      ),
    }),
  };

  /** The entry and its relatives together. */
  function familyOf(self: MempoolEntry, relatives: readonly Txid[]) {
    const family = [self, ...relatives.map(txid => mempool.get(txid)!)];
    return {
      count: family.length,
      size: family.reduce((sum, member) => sum + member.virtualSize, 0),
      fees: family.reduce((sum, member) => sum + member.modifiedFee, 0),
    };
  }
}
