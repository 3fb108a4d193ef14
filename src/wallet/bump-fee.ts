/**
 * Replacing an unconfirmed transaction by one that pays more (Core: src/wallet/feebumper.cpp): all its inputs are spent
 * again, so that only one of the two can ever confirm; change pays the difference, and confirmed coins are added when it
 * does not suffice.
 */
import { hashToHex, type Txid } from '../base/bytes.ts';
import { keyOf, type OutPointKey, outPointKey } from '../chain/coin.ts';
import { feeAt, feeRateOf } from '../mempool/fee-rate.ts';
import { type TxOutput, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { valueOut } from './balance.ts';
import { type FeeWishes, formatMoney, minimumFeeRate, requiredFeeRate } from './fees.ts';
import { signedTxWeight } from './input-size.ts';
import { seenWeightMax } from './seen-weight.ts';
import { createSpend, fundTransaction, type SpendPlan } from './spend.ts';
import { type PresetInput, type Recipient, type SpendContext, SpendError } from './spend-request.ts';
import { sizedInput } from './spend-select.ts';
import type { Wallet } from './wallet.ts';
import type { WalletTx } from './wallet-tx.ts';

/** What a replacement pays more at least, whatever the node asks (Core: WALLET_INCREMENTAL_RELAY_FEE). */
const WALLET_INCREMENTAL_FEE_RATE = 5_000;

export type BumpErrorKind = 'unknownTransaction' | 'parameter' | 'wallet' | 'other';

/** The transaction cannot be replaced; the message is Core's. */
export class BumpError extends Error {
  override readonly name = 'BumpError';
  readonly kind: BumpErrorKind;

  constructor(kind: BumpErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface BumpRequest extends FeeWishes {
  readonly txid: Txid;
  /** Replaces what the transaction pays. */
  readonly outputs?: readonly TxOutput[];
  /** Which output is change; undefined: the wallet knows. */
  readonly changeIndex?: number;
  /** For others to sign: inputs need not be the wallet's, and the result is not signed. */
  readonly isForOthers?: true;
}

export interface BumpContext extends SpendContext {
  /** Unspent outputs, in the chain or made in the mempool, of those that the transaction spends. */
  readonly spendable: ReadonlyMap<OutPointKey, TxOutput>;
  readonly hasMempoolDescendants: (txid: Txid) => boolean;
}

export interface Bump extends SpendPlan {
  readonly oldFee: number;
}

/** Throws BumpError. The wallet must be unlocked. What is signed is to be committed, and the old transaction marked as replaced. */
export function createBump(wallet: Wallet, request: BumpRequest, context: BumpContext): Bump {
  const { outputs, changeIndex } = request;
  if (outputs !== undefined && changeIndex !== undefined) {
    throw new BumpError(
      'parameter',
      "The options 'outputs' and 'original_change_index' are incompatible. You can only either specify a new set of outputs, or designate a change output to be recycled.",
    );
  }
  const wtx = wallet.history.get(request.txid);
  if (wtx === undefined) throw new BumpError('unknownTransaction', 'Invalid or non-wallet transaction id');
  const { tx } = wtx;
  if (changeIndex !== undefined && changeIndex >= tx.outputs.length) {
    throw new BumpError('parameter', 'Change position is out of range');
  }
  let valueIn = 0;
  for (const { prevout } of tx.inputs) {
    const output = context.spendable.get(keyOf(prevout));
    if (output === undefined) {
      const txid = hashToHex(prevout.txid);
      throw new BumpError('other', `${txid}:${prevout.index} is already spent`);
    }
    valueIn += output.value;
  }
  const coins = checkReplaceable(wallet, wtx, request, context);
  const oldFee = valueIn - valueOut(tx.outputs);
  const wanted = outputs ?? tx.outputs;

  let changeScript: Uint8Array | undefined;
  let recipients: Recipient[] = [];
  for (const [i, { value, scriptPubKey }] of wanted.entries()) {
    const isChange = changeIndex === undefined ? wallet.isChange(scriptPubKey) : changeIndex === i;
    if (isChange) changeScript = scriptPubKey;
    else recipients.push({ script: scriptPubKey, amount: value, subtractsFee: false });
  }
  if (recipients.length === 0) {
    if (changeScript === undefined) {
      throw new BumpError(
        'parameter',
        'Unable to create transaction. Transaction must have at least one recipient',
      );
    }
    // All of it was change: that pays the fee then.
    recipients = [{ script: changeScript, amount: valueOut(wanted), subtractsFee: true }];
    changeScript = undefined;
  }
  const feeRate = request.feeRate ?? nextFeeRate(wallet, wtx, oldFee, request, context);
  if (request.feeRate !== undefined) checkFeeRate(wallet, coins, wanted, feeRate, oldFee, context);
  try {
    const make = request.isForOthers ? fundTransaction : createSpend;
    const plan = make(
      wallet,
      {
        recipients,
        preset: coins,
        // A new unconfirmed input could make the replacement less attractive to miners than the original.
        minDepth: 1,
        feeRate,
        ...(request.signalsRbf === undefined ? {} : { signalsRbf: request.signalsRbf }),
        ...(changeScript === undefined ? {} : { changeScript }),
      },
      context,
    );
    return { ...plan, oldFee };
  } catch (error) {
    if (!(error instanceof SpendError)) throw error;
    throw new BumpError('wallet', `Unable to create transaction. ${error.message}`);
  }
}

/** The coins that it spends; throws when nobody may or need replace it. */
function checkReplaceable(
  wallet: Wallet,
  wtx: WalletTx,
  { isForOthers }: BumpRequest,
  context: BumpContext,
): PresetInput[] {
  const { history } = wallet;
  const { tx } = wtx;
  if (tx.outputs.some((_, index) => history.howSpent(outPointKey(tx.txid, index)) !== 'unspent')) {
    throw new BumpError('parameter', 'Transaction has descendants in the wallet');
  }
  if (context.hasMempoolDescendants(tx.txid)) {
    throw new BumpError('parameter', 'Transaction has descendants in the mempool');
  }
  if (history.depthOf(wtx) !== 0) {
    throw new BumpError('wallet', 'Transaction has been mined, or is conflicted with a mined transaction');
  }
  if (wtx.replacedBy !== undefined) {
    const [own, other] = [tx.txid, wtx.replacedBy].map(hashToHex);
    throw new BumpError(
      'wallet',
      `Cannot bump transaction ${own} which was already bumped by transaction ${other}`,
    );
  }
  const spent = tx.inputs.map(({ prevout }) => context.spendable.get(keyOf(prevout))!);
  return tx.inputs.map(({ prevout }, i) => {
    const key = keyOf(prevout);
    const coin = history.coin(key);
    if (coin !== undefined) return coin;
    if (!isForOthers) {
      throw new BumpError('wallet', "Transaction contains inputs that don't belong to this wallet");
    }
    const weight = seenWeightMax(tx, i, spent, context.verifier);
    return { key, outPoint: prevout, output: spent[i]!, weight };
  });
}

/** A little above what the node asks of a replacement, and no less than a new transaction would pay. */
function nextFeeRate(
  wallet: Wallet,
  { tx }: WalletTx,
  oldFee: number,
  wishes: FeeWishes,
  { fees }: BumpContext,
): number {
  const step = Math.max(fees.incrementalRelayFeeRate, WALLET_INCREMENTAL_FEE_RATE);
  const above = feeRateOf(oldFee, tx.virtualSize) + 1 + step;
  return Math.max(above, minimumFeeRate(wallet.options, fees, wishes)?.feeRate ?? 0);
}

/** Whether a rate that the user chose makes a valid replacement. */
function checkFeeRate(
  wallet: Wallet,
  coins: readonly PresetInput[],
  outputs: readonly TxOutput[],
  feeRate: number,
  oldFee: number,
  { fees, mempool }: BumpContext,
): void {
  const mempoolMin = fees.mempoolMinFeeRate();
  if (feeRate < mempoolMin) {
    throw new BumpError(
      'wallet',
      `New fee rate (${formatMoney(feeRate)}) is lower than the minimum fee rate (${formatMoney(mempoolMin)}) to get into the mempool -- `,
    );
  }
  const weight = signedTxWeight(
    coins.map(coin => sizedInput(wallet, coin, undefined)),
    outputs,
  );
  const size = Math.ceil((weight ?? 0) / WITNESS_SCALE_FACTOR);
  const parents = coins.map(({ outPoint }) => outPoint.txid);
  const total = feeAt(feeRate, size) + mempool.combinedBumpFee(parents, feeRate);
  const increment = feeAt(fees.incrementalRelayFeeRate, size);
  if (total < oldFee + increment) {
    throw new BumpError(
      'parameter',
      `Insufficient total fee ${formatMoney(total)}, must be at least ${formatMoney(oldFee + increment)} (oldFee ${formatMoney(oldFee)} + incrementalFee ${formatMoney(increment)})`,
    );
  }
  const required = feeAt(requiredFeeRate(wallet.options, fees), size);
  if (total < required) {
    throw new BumpError(
      'parameter',
      `Insufficient total fee (cannot be less than required fee ${formatMoney(required)})`,
    );
  }
  const { maxTxFee } = wallet.options;
  if (total > maxTxFee) {
    throw new BumpError(
      'wallet',
      `Specified or calculated fee ${formatMoney(total)} is too high (cannot be higher than -maxtxfee ${formatMoney(maxTxFee)})`,
    );
  }
}
