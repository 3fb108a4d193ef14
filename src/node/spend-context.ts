/** What a wallet must know of the world to make a transaction: fees, the mempool, and how old the chain's tip is. */
import { toUnixSeconds } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { NodeFacade } from '../rpc/node-facade.ts';
import type { SpendContext } from '../wallet/spend-request.ts';
import type { Wallet } from '../wallet/wallet.ts';

export interface SpendContextDeps {
  readonly node: Pick<NodeFacade, 'mempool' | 'chain' | 'pool' | 'fees' | 'clock'>;
  readonly random: Random;
  readonly verifier: SignatureVerifier;
}

export function spendContext(
  wallet: Wallet,
  deps: SpendContextDeps,
  { dustRelayFeeRate }: { readonly dustRelayFeeRate: number },
): SpendContext {
  const { node, random, verifier } = deps;
  const { mempool, chain, pool, fees, clock } = node;
  const tip = chain.headers.find(wallet.position.hash);
  return {
    random,
    verifier,
    fees: {
      minRelayFeeRate: pool.options.minRelayFeeRate,
      incrementalRelayFeeRate: pool.options.incrementalRelayFeeRate,
      dustRelayFeeRate,
      mempoolMinFeeRate: () => mempool.poolMinFeeRate(clock.now()),
      estimate(target, mode) {
        const estimate = fees?.estimateSmart(target, { conservative: mode === 'conservative' });
        if (estimate?.feeRate === undefined) return undefined;
        return { feeRate: estimate.feeRate, reason: estimate.reason! };
      },
    },
    mempool,
    now: toUnixSeconds(clock.now()),
    isInitialBlockDownload: chain.isInitialBlockDownload(clock.now()),
    tipTime: tip === undefined ? 0 : chain.headers.timeOf(tip),
  };
}
