/** Which coins of the wallet may be spent now, and how willingly (Core: AvailableCoins in src/wallet/spend.cpp). */
import type { Txid } from '../base/bytes.ts';
import { feeAt } from '../mempool/fee-rate.ts';
import type { MempoolView } from '../mempool/mempool-view.ts';
import { TRUC_VERSION } from '../mempool/topology.ts';
import { solveScript, witnessProgram } from '../script/templates.ts';
import { WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { isTrusted } from './balance.ts';
import type { Candidate } from './coin-candidate.ts';
import type { OutputType } from './descriptor-keeper.ts';
import { ownInput, signedInputWeight } from './input-size.ts';
import type { OwnCoin } from './tx-history.ts';
import type { Wallet } from './wallet.ts';
import type { WalletTx } from './wallet-tx.ts';

export interface AvailableCoin extends Candidate {
  readonly coin: OwnCoin;
  /** What of its fee is for parents that pay too little. */
  readonly bumpFee: number;
  readonly depth: number;
  /** Confirmed, or from us and sure to confirm. */
  readonly isSafe: boolean;
  readonly isFromMe: boolean;
  readonly outputType: OutputType | 'unknown';
  /** Unconfirmed transactions that the coin depends on, and all that are connected with it; its own included. */
  readonly ancestors: number;
  readonly clusterCount: number;
}

export interface CoinFilter {
  readonly minDepth?: number;
  readonly maxDepth?: number;
  readonly includeUnsafe?: boolean;
  /** Coins to addresses that were spent from before, in a wallet that avoids those. */
  readonly includeUsed?: boolean;
  readonly includeImmature?: boolean;
  /** Of the transaction that is to spend them: version 3 (BIP431) spends what is unconfirmed of its own kind only. */
  readonly spenderVersion?: number;
  /** Coins chosen already. */
  readonly except?: ReadonlySet<string>;
  readonly minAmount?: number;
  readonly maxAmount?: number;
  /** Ends as soon as this many, or this sum of satoshi, was found. */
  readonly maxCount?: number;
  readonly minSumAmount?: number;
}

export interface CoinRates {
  /** Satoshi per 1000 virtual bytes, now and in the long term. */
  readonly feeRate: number;
  readonly longTermFeeRate: number;
}

type Pool = Pick<MempoolView, 'ancestorsOf' | 'clusterCountOf' | 'combinedBumpFee' | 'has'>;

export function availableCoins(
  wallet: Wallet,
  mempool: Pool,
  rates: CoinRates,
  filter: CoinFilter = {},
): AvailableCoin[] {
  const { history } = wallet;
  const trusted = new Set<Txid>();
  const safety = new Map<Txid, boolean | undefined>();
  const found: AvailableCoin[] = [];
  let sum = 0;
  for (const coin of history.coins()) {
    const { wtx, output, key } = coin;
    const { txid } = wtx.tx;
    if (!safety.has(txid)) safety.set(txid, txSafety(wallet, mempool, wtx, filter, trusted));
    const isSafe = safety.get(txid);
    if (isSafe === undefined) continue;
    if (output.value < (filter.minAmount ?? 0)) continue;
    if (output.value > (filter.maxAmount ?? Number.POSITIVE_INFINITY)) continue;
    if (filter.except?.has(key) || wallet.locks.has(key) || history.howSpent(key) !== 'unspent') continue;
    if (!filter.includeUsed && wallet.avoidsReuse && history.isUsedScript(output.scriptPubKey)) continue;
    found.push(describeCoin(wallet, mempool, rates, coin, isSafe));
    sum += output.value;
    if (filter.minSumAmount !== undefined && sum >= filter.minSumAmount) break;
    if (filter.maxCount && found.length >= filter.maxCount) break;
  }
  return filter.spenderVersion === TRUC_VERSION ? withOneParent(found) : found;
}

/** Confirmed coins, and of one unconfirmed transaction, the one of the highest value: a child of version 3 has one parent. */
function withOneParent(coins: readonly AvailableCoin[]): AvailableCoin[] {
  const values = new Map<Txid, number>();
  for (const { depth, coin, value } of coins) {
    if (depth > 0) continue;
    const { txid } = coin.outPoint;
    values.set(txid, (values.get(txid) ?? 0) + value);
  }
  const most = Math.max(...values.values());
  const [parent] = [...values].find(([, value]) => value === most) ?? [];
  return coins.filter(({ depth, coin }) => depth > 0 || coin.outPoint.txid === parent);
}

/** The coin with what it costs to spend it. */
function describeCoin(
  wallet: Wallet,
  mempool: Pool,
  { feeRate, longTermFeeRate }: CoinRates,
  coin: OwnCoin,
  isSafe: boolean,
): AvailableCoin {
  const { history } = wallet;
  const { wtx, output } = coin;
  const { txid } = wtx.tx;
  const input = ownInput(wallet, output);
  const bytes = Math.ceil((signedInputWeight(input, { txHasWitness: true }) ?? 0) / WITNESS_SCALE_FACTOR);
  const bumpFee = mempool.combinedBumpFee([txid], feeRate);
  return {
    coin,
    value: output.value,
    bumpFee,
    fee: feeAt(feeRate, bytes) + bumpFee,
    longTermFee: feeAt(longTermFeeRate, bytes),
    weight: bytes * WITNESS_SCALE_FACTOR,
    depth: history.depthOf(wtx),
    isSafe,
    isFromMe: history.isFromMe(wtx.tx),
    outputType: coinType(output.scriptPubKey, input.data?.redeemScript),
    ancestors: mempool.has(txid) ? mempool.ancestorsOf(txid).length + 1 : 0,
    clusterCount: mempool.clusterCountOf(txid),
  };
}

/** Whether the outputs of a transaction are safe; undefined when they are no choice at all. */
function txSafety(
  wallet: Wallet,
  mempool: Pool,
  wtx: WalletTx,
  filter: CoinFilter,
  trusted: Set<Txid>,
): boolean | undefined {
  const { history } = wallet;
  const depth = history.depthOf(wtx);
  if (history.isImmature(wtx) && !filter.includeImmature) return undefined;
  if (depth < 0 || (depth === 0 && wtx.state.kind !== 'inMempool')) return undefined;
  if (depth === 0 && !mayBeSpentBy(filter.spenderVersion, wtx, mempool)) return undefined;
  // Of two transactions that replace each other either may confirm, so nothing is built on them before.
  const isContested = depth === 0 && (wtx.replaces !== undefined || wtx.replacedBy !== undefined);
  const isSafe = !isContested && isTrusted(wallet, wtx, trusted);
  if (!isSafe && !filter.includeUnsafe) return undefined;
  if (depth < (filter.minDepth ?? 0) || depth > (filter.maxDepth ?? Number.POSITIVE_INFINITY))
    return undefined;
  return isSafe;
}

/** A family of version 3 has no third generation, and a parent one child. */
function mayBeSpentBy(version: number | undefined, { tx }: WalletTx, mempool: Pool): boolean {
  if (version === undefined) return true;
  if (version !== TRUC_VERSION) return tx.version !== TRUC_VERSION;
  return tx.version === TRUC_VERSION && mempool.clusterCountOf(tx.txid) <= 1;
}

function coinType(script: Uint8Array, redeemScript: Uint8Array | undefined): AvailableCoin['outputType'] {
  switch (solveScript(script).type) {
    case 'pubkeyhash':
      return 'legacy';
    case 'scripthash':
      return redeemScript && witnessProgram(redeemScript) ? 'p2sh-segwit' : 'legacy';
    case 'witness_v0_keyhash':
    case 'witness_v0_scripthash':
      return 'bech32';
    case 'witness_v1_taproot':
      return 'bech32m';
    default:
      return 'unknown';
  }
}
