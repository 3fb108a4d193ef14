/** A wallet's transaction as results list it: one entry for each output sent or received (Core: ListTransactions). */
import { hashToHex } from '../../../base/bytes.ts';
import { amountsOf, isTrusted } from '../../../wallet/balance.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import { isAbandoned, type WalletTx } from '../../../wallet/wallet-tx.ts';
import { amount, type JsonOut } from '../../json.ts';
import type { ResultDoc } from '../../method.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { addressOf, parentDescriptors } from './common.ts';

type Members = { readonly [name: string]: JsonOut };

export interface EntryOptions {
  /** Members of the transaction in each entry. */
  readonly long: boolean;
  /** Only what was received under this label. */
  readonly label?: string | undefined;
  readonly includeChange?: boolean;
  /** Received entries below this depth are left out. */
  readonly minDepth?: number;
}

/** Sent entries first. */
export function entriesOf(wallet: Wallet, host: WalletHost, wtx: WalletTx, options: EntryOptions): Members[] {
  const { sent, received, fee } = amountsOf(wallet, wtx, { includeChange: options.includeChange ?? false });
  const details = options.long ? txMembers(wallet, host, wtx) : {};
  const abandoned = isAbandoned(wtx);
  const entries: Members[] = [];
  if (options.label === undefined) {
    for (const { index, output } of sent) {
      entries.push({
        address: addressOf(wallet, output.scriptPubKey),
        category: 'send',
        amount: amount(-output.value),
        label: wallet.addressEntry(output.scriptPubKey)?.label,
        vout: index,
        fee: amount(-fee),
        ...details,
        abandoned,
      });
    }
  }
  if (wallet.history.depthOf(wtx) < (options.minDepth ?? 0)) return entries;
  for (const { index, output } of received) {
    const label = wallet.addressEntry(output.scriptPubKey)?.label;
    if (options.label !== undefined && (label ?? '') !== options.label) continue;
    entries.push({
      address: addressOf(wallet, output.scriptPubKey),
      parent_descs: parentDescriptors(wallet, output.scriptPubKey),
      category: receivedCategory(wallet, wtx),
      amount: amount(output.value),
      label,
      vout: index,
      abandoned,
      ...details,
    });
  }
  return entries;
}

/** What all entries of a transaction say (Core: WalletTxToJSON). */
export function txMembers(wallet: Wallet, host: WalletHost, wtx: WalletTx): Members {
  const { headers } = host.node.chain;
  const { tx, state } = wtx;
  const block = state.kind === 'confirmed' ? headers.find(state.blockHash) : undefined;
  return {
    confirmations: wallet.history.depthOf(wtx),
    generated: tx.isCoinbase ? true : undefined,
    ...(state.kind === 'confirmed'
      ? {
          blockhash: hashToHex(state.blockHash),
          blockheight: state.height,
          blockindex: state.indexInBlock,
          blocktime: block === undefined ? undefined : headers.timeOf(block),
        }
      : { trusted: isTrusted(wallet, wtx) }),
    txid: hashToHex(tx.txid),
    wtxid: hashToHex(tx.wtxid),
    walletconflicts: [...wallet.history.conflictsOf(tx)].sort().map(hashToHex),
    mempoolconflicts: [...wtx.mempoolConflicts].sort().map(hashToHex),
    time: wtx.timeSmart,
    timereceived: wtx.timeReceived,
    comment: wtx.comment,
    to: wtx.commentTo,
    replaces_txid: wtx.replaces && hashToHex(wtx.replaces),
    replaced_by_txid: wtx.replacedBy && hashToHex(wtx.replacedBy),
  };
}

function receivedCategory(wallet: Wallet, wtx: WalletTx): string {
  if (!wtx.tx.isCoinbase) return 'receive';
  if (wallet.history.depthOf(wtx) < 1) return 'orphan';
  return wallet.history.isImmature(wtx) ? 'immature' : 'generate';
}

export const entryFields: readonly ResultDoc[] = [
  res.string('address?', 'the address, if the output has one'),
  res.string('category', '"send"; "receive"; of coinbases "generate", "immature" and "orphan"'),
  res.amount('amount', 'the value in BTC, negative when sent'),
  res.string('label?', 'the label of the address'),
  res.number('vout', 'the number of the output'),
  res.amount('fee?', 'the fee in BTC, negative; only when sent'),
  res.array('parent_descs?', 'the descriptors of the wallet that own it; only when received', [
    res.string('desc', ''),
  ]),
  res.boolean('abandoned', 'whether the transaction was abandoned'),
];

export const txMemberFields: readonly ResultDoc[] = [
  res.number('confirmations', 'the number of confirmations; negative when a block conflicts with it'),
  res.boolean('generated?', 'of a coinbase: true'),
  res.boolean('trusted?', 'whether its coins are safe to spend; only when it is not confirmed'),
  res.hex('blockhash?', 'the block'),
  res.number('blockheight?', 'the height of the block'),
  res.number('blockindex?', 'its place in the block'),
  res.time('blocktime?', 'the time of the block'),
  res.hex('txid', 'the id of the transaction'),
  res.hex('wtxid', 'its hash with witnesses'),
  res.array('walletconflicts', 'transactions of the wallet that spend the same', [res.hex('txid', '')]),
  res.array('mempoolconflicts', 'transactions in the mempool that spend the same', [res.hex('txid', '')]),
  res.time('time', 'when it happened'),
  res.time('timereceived', 'when the wallet first saw it'),
  res.string('comment?', 'the comment'),
  res.string('to?', 'the comment on whom it pays'),
  res.hex('replaces_txid?', 'the transaction that it replaces'),
  res.hex('replaced_by_txid?', 'the transaction that replaces it'),
];
