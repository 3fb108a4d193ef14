/** What callers set against their own mistakes: fee rates and burnt amounts at most (Core: node/transaction.h). */
import { isUnspendable } from '../../../script/opcodes.ts';
import { exactValue, type Transaction } from '../../../wire/transaction.ts';
import { toAmount } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { hasValidOps } from '../../decode.ts';
import type { JsonValue } from '../../json.ts';
import type { Param } from '../../param.ts';

const SATOSHI_PER_BITCOIN = 100_000_000n;

export const maxFeeRateParam: Param = {
  name: 'maxfeerate',
  type: 'amount',
  default: '0.10',
  doc:
    'Refuses transactions with a greater fee rate, in BTC/kvB. At most 1 BTC/kvB can be given.\n' +
    '0 accepts any fee rate.',
};

export const maxBurnParam: Param = {
  name: 'maxburnamount',
  type: 'amount',
  default: '0.00',
  doc: 'Refuses transactions with an output that nobody can ever spend (OP_RETURN for instance) of more than this, in BTC.',
};

/** Throws RpcError −25 when more than `maxBurn` satoshi would be lost for ever in one output. */
export function refuseBurns(tx: Transaction, maxBurn: bigint): void {
  const burns = tx.outputs.some(
    output =>
      (isUnspendable(output.scriptPubKey) || !hasValidOps(output.scriptPubKey)) &&
      exactValue(output) > maxBurn,
  );
  if (!burns) return;
  throw new RpcError(
    RpcCode.VERIFY_ERROR,
    'Unspendable output exceeds maximum configured by user (maxburnamount)',
  );
}

/** Satoshi per 1000 virtual bytes; throws RpcError −3 and −8 (Core: ParseFeeRate). */
export function toFeeRate(value: JsonValue | undefined): bigint {
  const rate = toAmount(value);
  if (rate >= SATOSHI_PER_BITCOIN) {
    throw new RpcError(
      RpcCode.INVALID_PARAMETER,
      'Fee rates larger than or equal to 1BTC/kvB are not accepted',
    );
  }
  return rate;
}

/** The fee at that rate, rounded up; undefined for rate 0: no limit. */
export function maxFeeFor(rate: bigint, virtualSize: number): number | undefined {
  return rate === 0n ? undefined : Math.ceil((Number(rate) * virtualSize) / 1000);
}
