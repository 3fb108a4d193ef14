/**
 * What the wallet's coins are worth and what a transaction meant for it (Core: src/wallet/receive.cpp).
 *
 * A transaction is trusted when it is in a block, or when it is in the mempool and all its inputs are the wallet's own
 * and trusted: nobody else can replace it then.
 */
import type { Txid } from '../base/bytes.ts';
import type { TxOutput } from '../wire/transaction.ts';
import type { Wallet } from './wallet.ts';
import type { WalletTx } from './wallet-tx.ts';

/** Satoshi. */
export interface Balance {
  trusted: number;
  untrustedPending: number;
  immature: number;
  /** Coins to addresses that were spent from before; only told apart in a wallet that avoids reuse. */
  used: number;
  /** Less than zero: what only the wallet knows to be spent. */
  nonmempool: number;
}

export interface BalanceOptions {
  readonly minDepth: number;
  readonly avoidReuse: boolean;
  /** Coins spent by transactions outside the mempool count, and in `nonmempool` against it. */
  readonly includeNonmempool: boolean;
}

export function balanceOf(wallet: Wallet, options: BalanceOptions): Balance {
  const { history } = wallet;
  const balance: Balance = { trusted: 0, untrustedPending: 0, immature: 0, used: 0, nonmempool: 0 };
  const trustedParents = new Set<Txid>();
  for (const { key, wtx, output } of history.coins()) {
    const spent = history.howSpent(key);
    const isPendingSpend = spent === 'nonmempool' && options.includeNonmempool;
    if (spent !== 'unspent' && !isPendingSpend) continue;
    const trusted = isTrusted(wallet, wtx, trustedParents);
    let bucket: keyof Balance;
    if (wtx.state.kind === 'confirmed' && history.isImmature(wtx)) bucket = 'immature';
    else if (trusted && history.depthOf(wtx) >= options.minDepth) bucket = 'trusted';
    else if (!trusted && wtx.state.kind === 'inMempool') bucket = 'untrustedPending';
    else continue;
    if (options.avoidReuse && wallet.avoidsReuse && history.isUsedScript(output.scriptPubKey))
      bucket = 'used';
    balance[bucket] += output.value;
    if (isPendingSpend) balance.nonmempool -= output.value;
  }
  return balance;
}

/** `trusted` collects transactions found to be trusted, for calls about many. */
export function isTrusted(wallet: Wallet, wtx: WalletTx, trusted: Set<Txid> = new Set()): boolean {
  const { history, keys } = wallet;
  // Depth first without recursion: chains of change can be long.
  const stack: WalletTx[] = [wtx];
  const open = new Set<Txid>();
  for (let current = stack.at(-1); current !== undefined; current = stack.at(-1)) {
    const { tx, state } = current;
    if (trusted.has(tx.txid) || state.kind === 'confirmed') {
      stack.pop();
      continue;
    }
    if (open.has(tx.txid)) {
      // All parents were trusted.
      trusted.add(tx.txid);
      stack.pop();
      continue;
    }
    if (state.kind !== 'inMempool' || !wallet.options.spendsZeroConfChange || !history.isFromMe(tx))
      return false;
    for (const { prevout } of tx.inputs) {
      const parent = history.get(prevout.txid);
      const spent = parent?.tx.outputs[prevout.index];
      if (parent === undefined || spent === undefined || !keys.isMine(spent.scriptPubKey)) return false;
      if (!trusted.has(prevout.txid) && parent.state.kind !== 'confirmed') stack.push(parent);
    }
    open.add(tx.txid);
  }
  return true;
}

/** Satoshi that the transaction brings; an immature coinbase brings nothing yet. */
export function creditOf(wallet: Wallet, wtx: WalletTx): number {
  return wallet.history.isImmature(wtx) ? 0 : ownValue(wallet, wtx);
}

function ownValue(wallet: Wallet, wtx: WalletTx): number {
  return wtx.tx.outputs.reduce((sum, { value, scriptPubKey }) => {
    return wallet.keys.isMine(scriptPubKey) ? sum + value : sum;
  }, 0);
}

export function valueOut(outputs: readonly TxOutput[]): number {
  return outputs.reduce((sum, { value }) => sum + value, 0);
}

export interface ListedOutput {
  readonly index: number;
  readonly output: TxOutput;
}

export interface TxAmounts {
  /** Outputs that the wallet paid, and those it received; change is in neither unless asked for. */
  readonly sent: readonly ListedOutput[];
  readonly received: readonly ListedOutput[];
  /** Satoshi; 0 for what others sent. Can be less than zero when others paid inputs too. */
  readonly fee: number;
}

/** What the transaction did, output by output (Core: CachedTxGetAmounts). */
export function amountsOf(
  wallet: Wallet,
  wtx: WalletTx,
  options: { readonly includeChange: boolean },
): TxAmounts {
  const { tx } = wtx;
  const debit = wallet.history.debitOf(tx);
  const sent: ListedOutput[] = [];
  const received: ListedOutput[] = [];
  for (const [index, output] of tx.outputs.entries()) {
    const isMine = wallet.keys.isMine(output.scriptPubKey);
    if (debit > 0 ? !options.includeChange && wallet.isChange(output.scriptPubKey) : !isMine) continue;
    if (debit > 0) sent.push({ index, output });
    if (isMine) received.push({ index, output });
  }
  return { sent, received, fee: debit > 0 ? debit - valueOut(tx.outputs) : 0 };
}
