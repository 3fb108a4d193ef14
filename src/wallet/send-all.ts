/**
 * Paying with everything (Core: sendall in src/wallet/rpc/spend.cpp): all coins, or those that are named, become inputs;
 * there is no change, and recipients without an amount share what is left.
 */
import { hashToHex } from '../base/bytes.ts';
import { keyOf } from '../chain/coin.ts';
import { feeAt } from '../mempool/fee-rate.ts';
import { dustThreshold, STANDARD_WEIGHT_MAX } from '../mempool/policy.ts';
import { TRUC_CHILD_SIZE_MAX, TRUC_SIZE_MAX, TRUC_VERSION } from '../mempool/topology.ts';
import {
  createTransaction,
  type OutPoint,
  type Transaction,
  type TxInput,
  type TxOutput,
  WITNESS_SCALE_FACTOR,
} from '../wire/transaction.ts';
import { availableCoins } from './available.ts';
import { valueOut } from './balance.ts';
import { type FeeWishes, minimumFeeRate, NO_ESTIMATE, whyTooLow } from './fees.ts';
import { ownInput, signedTxWeight } from './input-size.ts';
import { lockTimeFor, SEQUENCE_NONFINAL, SEQUENCE_RBF } from './spend.ts';
import type { SpendContext } from './spend-request.ts';
import type { OwnCoin } from './tx-history.ts';
import type { Wallet } from './wallet.ts';

/** The transaction cannot be made; the message is Core's. */
export class SendAllError extends Error {
  override readonly name = 'SendAllError';
  readonly kind: 'parameter' | 'wallet' | 'funds';

  constructor(kind: SendAllError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface SendAllRequest extends FeeWishes {
  readonly recipients: readonly {
    readonly script: Uint8Array;
    /** As messages name it. */
    readonly address: string;
    /** Satoshi; undefined: a share of what is left. At least one is. */
    readonly amount: number | undefined;
  }[];
  /** Exactly these coins; undefined: all that are available. */
  readonly inputs?: readonly TxInput[];
  /** Of all coins, those that pay for their own input only. */
  readonly sendsMax: boolean;
  readonly minDepth: number;
  readonly maxDepth: number;
  readonly version: number;
  /** Undefined: one that discourages fee sniping. */
  readonly lockTime: number | undefined;
}

/** Not signed. Throws SendAllError. */
export function createSendAll(wallet: Wallet, request: SendAllRequest, context: SpendContext): Transaction {
  const { options } = wallet;
  const { version } = request;
  const feeRate = feeRateFor(wallet, request, context);
  const coins = request.inputs?.map(input => requireCoin(wallet, input.prevout, version));
  const signalsRbf = request.signalsRbf ?? options.signalsRbf;
  const chosen = coins ?? allCoins(wallet, request, context, feeRate);
  const inputs =
    request.inputs ??
    chosen.map(({ outPoint }) => ({
      prevout: outPoint,
      scriptSig: new Uint8Array(0),
      sequence: signalsRbf ? SEQUENCE_RBF : SEQUENCE_NONFINAL,
      witness: [],
    }));
  const outputs: TxOutput[] = request.recipients.map(({ script, amount }) => ({
    value: amount ?? 0,
    scriptPubKey: script,
  }));

  const weight = signedTxWeight(
    chosen.map(({ output }) => ownInput(wallet, output)),
    outputs,
  );
  if (weight === undefined) {
    fail(
      'wallet',
      'Unable to determine the size of the transaction, the wallet contains unsolvable descriptors',
    );
  }
  const fee = feeAt(feeRate, Math.ceil(weight / WITNESS_SCALE_FACTOR));
  if (fee > options.maxTxFee) {
    fail('wallet', 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)');
  }
  const value = chosen.reduce((sum, { output }) => sum + output.value, 0);
  const parents = chosen.map(({ outPoint }) => outPoint.txid);
  const effective = value - fee - context.mempool.combinedBumpFee(parents, feeRate);
  if (effective <= 0) {
    fail(
      'funds',
      request.sendsMax
        ? 'Total value of UTXO pool too low to pay for transaction, try using lower feerate.'
        : "Total value of UTXO pool too low to pay for transaction. Try using lower feerate or excluding uneconomic UTXOs with 'send_max' option.",
    );
  }
  if (weight > weightMax(wallet, request, chosen)) fail('wallet', 'Transaction too large.');
  const claimed = valueOut(outputs);
  if (claimed > value) fail('funds', 'Assigned more value to outputs than available funds.');
  if (claimed > effective) fail('funds', 'Insufficient funds for fees after creating specified outputs.');
  share(outputs, request, effective - claimed, context.fees.dustRelayFeeRate);

  const lockTime = request.lockTime ?? lockTimeFor(wallet, inputs, context);
  return createTransaction({ version, inputs, outputs, lockTime });
}

function feeRateFor({ options }: Wallet, request: SendAllRequest, { fees }: SpendContext): number {
  const tooLow = whyTooLow(options, fees, request);
  if (tooLow !== undefined) fail('parameter', tooLow);
  const estimate = minimumFeeRate(options, fees, request);
  if (estimate === undefined) fail('wallet', NO_ESTIMATE);
  return estimate.feeRate;
}

function requireCoin(wallet: Wallet, outPoint: OutPoint, version: number): OwnCoin {
  const { history } = wallet;
  const key = keyOf(outPoint);
  const name = `${hashToHex(outPoint.txid)}:${outPoint.index}`;
  if (history.howSpent(key) !== 'unspent') {
    fail('parameter', `Input not available. UTXO (${name}) was already spent.`);
  }
  const coin = history.coin(key);
  if (coin === undefined) fail('parameter', `Input not found. UTXO (${name}) is not part of wallet.`);
  const made = coin.wtx.tx.version;
  if (history.depthOf(coin.wtx) === 0 && (made === TRUC_VERSION) !== (version === TRUC_VERSION)) {
    fail(
      'parameter',
      `Can't spend unconfirmed version ${made} pre-selected input with a version ${version} tx`,
    );
  }
  return coin;
}

function allCoins(
  wallet: Wallet,
  { minDepth, maxDepth, sendsMax, version }: SendAllRequest,
  { mempool }: SpendContext,
  feeRate: number,
): OwnCoin[] {
  const rates = { feeRate, longTermFeeRate: feeRate };
  // Addresses that were spent from before are emptied too: nothing is left to be linked to them.
  return availableCoins(wallet, mempool, rates, {
    minDepth,
    maxDepth,
    includeUsed: true,
    spenderVersion: version,
  })
    .filter(({ fee, value }) => !sendsMax || fee <= value)
    .map(({ coin }) => coin);
}

function weightMax(wallet: Wallet, { version, inputs }: SendAllRequest, coins: readonly OwnCoin[]): number {
  if (version !== TRUC_VERSION) return STANDARD_WEIGHT_MAX;
  const isChild = inputs === undefined && coins.some(({ wtx }) => wallet.history.depthOf(wtx) === 0);
  return (isChild ? TRUC_CHILD_SIZE_MAX : TRUC_SIZE_MAX) * WITNESS_SCALE_FACTOR;
}

/** Equal shares; the first recipient of one gets what does not divide. */
function share(
  outputs: TxOutput[],
  { recipients }: SendAllRequest,
  remainder: number,
  dustRate: number,
): void {
  const count = recipients.filter(({ amount }) => amount === undefined).length;
  let extra = remainder % count;
  for (const [i, { amount, address }] of recipients.entries()) {
    let output = outputs[i]!;
    if (amount === undefined) {
      output = { ...output, value: Math.trunc(remainder / count) + extra };
      outputs[i] = output;
      extra = 0;
    }
    if (output.value >= dustThreshold(output, dustRate)) continue;
    if (amount === undefined) fail('funds', 'Dynamically assigned remainder results in dust output.');
    fail('parameter', `Specified output amount to ${address} is below dust threshold.`);
  }
}

function fail(kind: SendAllError['kind'], message: string): never {
  throw new SendAllError(kind, message);
}
