/** What RPC sees of blocks and coins, over the engine. */
import { toUnixSeconds } from '../../base/clock.ts';
import type { ChainNotice } from '../../chain/effects.ts';
import { blockScriptFlags } from '../../consensus/script-flags.ts';
import type { BlockAccess, CoinAccess } from '../../rpc/node-facade.ts';
import { flagNames } from '../../script/flags.ts';
import type { NodeClock } from '../clocks.ts';
import type { Engine } from '../engine.ts';

/** How long a chain that is caught up may be without a block, for its progress to count as whole. */
const PROGRESS_SLACK_S = 2 * 60 * 60;

export function blockAccess({ engine, clock }: { engine: Engine; clock: NodeClock }): BlockAccess {
  const { chain } = engine;
  const { headers, params } = chain;
  return {
    readBlock: id => engine.readBlock(id),
    readUndo: id => engine.readUndo(id),
    sizeOnDisk: () => engine.host.blockBytesOnDisk(),
    verificationProgress: () => verificationProgress(engine, toUnixSeconds(clock.now())),
    deploymentsAfter: parent => chain.deployments.statesAt(parent),
    scriptFlagNames: id =>
      flagNames(blockScriptFlags(params, headers.heightOf(id), headers.hashOf(id))).sort(),
    submitBlock: block => engine.submitBlock(block, { requested: true }),
    submitHeader: header =>
      engine.enqueue('submitHeader', function* () {
        chain.acceptHeader(header, clock.now());
        yield { kind: 'pause' };
      }),
    testBlock: (block, { checkMerkleRoot }) =>
      engine.enqueue('testBlock', () =>
        chain.testBlock(block, { checkPow: false, checkMerkleRoot, now: clock.now() }),
      ),
    invalidateBlock: id => engine.enqueue('invalidateBlock', () => chain.invalidateBlock(id, clock.now())),
    reconsiderBlock: id => engine.enqueue('reconsiderBlock', () => chain.reconsiderBlock(id, clock.now())),
    settled: () => engine.writer.settled(),
    onNotice: (listener: (notice: ChainNotice) => void) =>
      engine.listen({ onChain: listener, onMempool() {} }),
  };
}

/**
 * How much of the chain's work of validation is done, by time: transactions to come are not known. A chain whose last
 * block is recent counts as whole (Core: GuessVerificationProgress, which knows rates of transactions besides).
 */
function verificationProgress({ chain }: Engine, now: number): number {
  const { headers } = chain;
  const genesisTime = headers.timeOf(0);
  const tipTime = headers.timeOf(chain.tip());
  if (tipTime >= now - PROGRESS_SLACK_S || now <= genesisTime) return 1;
  return Math.max(0, (tipTime - genesisTime) / (now - genesisTime));
}

export function coinAccess({ engine, clock }: { engine: Engine; clock: NodeClock }): CoinAccess {
  return {
    coin: async outPoint => {
      const [coin] = await engine.enqueue('coin', () => engine.chain.fetchCoins([outPoint]));
      return coin;
    },
    stats: hash => engine.host.coinStats(engine.chain, engine.writer, { hash, now: clock.now() }),
  };
}
