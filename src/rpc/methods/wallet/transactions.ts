/** The wallet's transactions (Core: wallet/rpc/transactions.cpp). */
import { type BlockHash, bytesToHex, hashToHex, type Txid } from '../../../base/bytes.ts';
import { creditOf, valueOut } from '../../../wallet/balance.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount, type JsonOut } from '../../json.ts';
import { res } from '../../result-doc.ts';
import { txFields, txToJson } from '../../tx-json.ts';
import {
  lastProcessedBlock,
  lastProcessedBlockDoc,
  toLabel,
  txidParam,
  unusedWatchOnly,
  walletMethod,
} from './common.ts';
import { entriesOf, entryFields, txMemberFields, txMembers } from './tx-entries.ts';

/** Deeper in conflict than any transaction is. */
const ANY_DEPTH = -100_000_000;

export const gettransaction = walletMethod({
  name: 'gettransaction',
  description: 'Tells about a transaction of the wallet.',
  params: [
    txidParam,
    unusedWatchOnly,
    { name: 'verbose', type: 'boolean', default: false, doc: 'Adds the decoded transaction.' },
  ],
  results: [
    res.object('', '', [
      res.amount('amount', 'what it brought, in BTC, without the fee'),
      res.amount('fee?', 'the fee in BTC, negative; only of what the wallet sent'),
      ...txMemberFields,
      res.array('details', '', [res.object('', '', entryFields)]),
      res.hex('hex', 'the encoded transaction'),
      res.object('decoded?', 'the decoded transaction', txFields({ change: true })),
      lastProcessedBlockDoc,
    ]),
  ],
  examples: [['1075db55d416d3ca199f55b6084e2115b9345e16c5cf302fc80e9d5fbf5d48d']],
  runs: 'freely',
  run(wallet, args, host) {
    const wtx = wallet.history.get(args.hash<Txid>('txid'));
    if (wtx === undefined) {
      throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Invalid or non-wallet transaction id');
    }
    const { tx } = wtx;
    const debit = wallet.history.debitOf(tx);
    const isFromMe = wallet.history.isFromMe(tx);
    const fee = isFromMe ? valueOut(tx.outputs) - debit : 0;
    return {
      amount: amount(creditOf(wallet, wtx) - debit - fee),
      fee: isFromMe ? amount(fee) : undefined,
      ...txMembers(wallet, host, wtx),
      details: entriesOf(wallet, host, wtx, { long: false }),
      hex: bytesToHex(tx.raw),
      decoded: args.boolean('verbose')
        ? txToJson(tx, host.node.chain.params, { isChange: script => wallet.isChange(script) })
        : undefined,
      lastprocessedblock: lastProcessedBlock(wallet),
    };
  },
});

export const listtransactions = walletMethod({
  name: 'listtransactions',
  description:
    'Lists the newest transactions, from the oldest of them, with an entry for each output sent or received.\n' +
    'With a label, only what was received under that.',
  params: [
    { name: 'label|dummy', type: 'string', optional: true, doc: 'A label, or "*" for all.' },
    { name: 'count', type: 'number', default: 10, doc: 'How many entries' },
    { name: 'skip', type: 'number', default: 0, doc: 'How many of the newest to leave out' },
    unusedWatchOnly,
  ],
  results: [res.array('', '', [res.object('', '', [...entryFields, ...txMemberFields])])],
  examples: [[], ['*', 20, 100]],
  runs: 'freely',
  run(wallet, args, host) {
    const given = args.optionalString('label');
    const label = given === undefined || given === '*' ? undefined : given;
    if (label === '') {
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'Label argument must be a valid label name or "*".');
    }
    const count = args.integer('count');
    const skip = args.integer('skip');
    if (count < 0) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Negative count');
    if (skip < 0) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Negative from');
    const newestFirst: JsonOut[] = [];
    const { ordered } = wallet.history;
    for (let i = ordered.length - 1; i >= 0 && newestFirst.length < count + skip; i -= 1) {
      newestFirst.push(...entriesOf(wallet, host, ordered[i]!, { long: true, label }));
    }
    return newestFirst.slice(skip, skip + count).reverse();
  },
});

export const listsinceblock = walletMethod({
  name: 'listsinceblock',
  description:
    'Lists the transactions since a block, or all. If the block was reorganised away, since the fork;\n' +
    'what was in the blocks that went is listed as removed.',
  params: [
    { name: 'blockhash', type: 'string', optional: true, doc: 'The block.' },
    {
      name: 'target_confirmations',
      type: 'number',
      default: 1,
      doc: 'Which block is told as lastblock: the one with so many confirmations.',
    },
    unusedWatchOnly,
    {
      name: 'include_removed',
      type: 'boolean',
      default: true,
      doc: 'Lists what was removed by a reorganisation too.',
    },
    { name: 'include_change', type: 'boolean', default: false, doc: 'Adds entries for change.' },
    { name: 'label', type: 'string', optional: true, doc: 'Only what was received under this label.' },
  ],
  results: [
    res.object('', '', [
      res.array('transactions', '', [res.object('', '', [...entryFields, ...txMemberFields])]),
      res.array('removed?', 'the same for blocks that were reorganised away', [
        res.elision('', 'as in transactions'),
      ]),
      res.hex('lastblock', 'the block to ask with next time'),
    ]),
  ],
  examples: [[], ['000000000000000bacf66f7497b7dc45ef753ee9a7d38571037cdb1a57f663ad', 6]],
  runs: 'freely',
  async run(wallet, args, host) {
    const { chain, blocks } = host.node;
    const { headers } = chain;
    const { position, history } = wallet;
    const tip = headers.find(position.hash)!;
    const hash = args.optionalString('blockhash') ? args.hash<BlockHash>('blockhash') : undefined;
    let since = hash === undefined ? undefined : headers.find(hash);
    if (hash !== undefined && since === undefined) {
      throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Block not found');
    }
    const confirmations = args.integer('target_confirmations');
    if (confirmations < 1) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid parameter');
    const label = args.has('label') ? toLabel(args.get('label')) : undefined;
    const options = { long: true, label, includeChange: args.boolean('include_change') };

    const fork = since === undefined ? undefined : headers.forkOf(since, tip);
    const depth = fork === undefined ? undefined : position.height + 1 - headers.heightOf(fork);
    const transactions = history.ordered
      .filter(wtx => depth === undefined || Math.abs(history.depthOf(wtx)) < depth)
      .flatMap(wtx => entriesOf(wallet, host, wtx, options));
    const removed: JsonOut[] = [];
    const includeRemoved = args.boolean('include_removed');
    while (includeRemoved && since !== undefined && since !== fork) {
      // Whatever the disk says: the caller can do nothing about it.
      const block = await blocks.readBlock(since).catch(() => undefined);
      if (block === undefined) throw new RpcError(RpcCode.INTERNAL_ERROR, "Can't read block from disk");
      for (const tx of block.transactions) {
        const wtx = history.get(tx.txid);
        if (wtx !== undefined) {
          removed.push(...entriesOf(wallet, host, wtx, { ...options, minDepth: ANY_DEPTH }));
        }
      }
      since = headers.parentOf(since);
    }
    const back = Math.min(confirmations, position.height + 1);
    const last = headers.ancestorOf(tip, position.height + 1 - back);
    return {
      transactions,
      removed: includeRemoved ? removed : undefined,
      lastblock: hashToHex(headers.hashOf(last)),
    };
  },
});

export const abandontransaction = walletMethod({
  name: 'abandontransaction',
  description:
    'Gives up a transaction that is neither in a block nor in the mempool, with all that depends on it,\n' +
    'so that what it spends can be spent again.',
  params: [txidParam],
  results: [res.null('', '')],
  examples: [['1075db55d416d3ca199f55b6084e2115b9345e16c5cf302fc80e9d5fbf5d48d']],
  runs: 'exclusive',
  run(wallet, args) {
    const txid = args.hash<Txid>('txid');
    if (wallet.history.get(txid) === undefined) {
      throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Invalid or non-wallet transaction id');
    }
    if (!wallet.abandon(txid)) {
      throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Transaction not eligible for abandonment');
    }
    return null;
  },
});
