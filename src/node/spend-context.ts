/** What a wallet must know of the world to make a transaction: fees, the mempool, and how old the chain's tip is. */
import { toUnixSeconds } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { NodeFacade } from '../rpc/node-facade.ts';
import type { FeeSource } from '../wallet/fees.ts';
import type { SpendContext } from '../wallet/spend-request.ts';
import type { Wallet } from '../wallet/wallet.ts';

export interface SpendContextDeps {
  readonly node: Pick<NodeFacade, 'mempool' | 'chain' | 'pool' | 'clock'>;
  readonly random: Random;
  readonly verifier: SignatureVerifier;
  /** Undefined while there is none. */
  readonly estimateFee?: FeeSource['estimate'];
}

export function spendContext(
  wallet: Wallet,
  deps: SpendContextDeps,
  { dustRelayFeeRate }: { readonly dustRelayFeeRate: number },
): SpendContext {
  const { node, random, verifier, estimateFee } = deps;
  const { mempool, chain, pool, clock } = node;
  const tip = chain.headers.find(wallet.position.hash);
  return {
    random,
    verifier,
    fees: {
      minRelayFeeRate: pool.options.minRelayFeeRate,
      incrementalRelayFeeRate: pool.options.incrementalRelayFeeRate,
      dustRelayFeeRate,
      mempoolMinFeeRate: () => mempool.minFeeRate(clock.now()),
      estimate: estimateFee ?? (() => undefined),
    },
    mempool,
    now: toUnixSeconds(clock.now()),
    isInitialBlockDownload: chain.isInitialBlockDownload(clock.now()),
    tipTime: tip === undefined ? 0 : chain.headers.timeOf(tip),
  };
}
