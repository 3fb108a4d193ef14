/** What RPC sees of blocks and coins, over the engine. */
import { type Milliseconds, toUnixSeconds, type UnixSeconds } from '../../base/clock.ts';
import type { HeaderId } from '../../chain/chain-view.ts';
import type { ChainNotice } from '../../chain/effects.ts';
import { blockScriptFlags } from '../../consensus/script-flags.ts';
import type { BlockAccess, CoinAccess } from '../../rpc/node-facade.ts';
import { flagNames } from '../../script/flags.ts';
import { StoreError } from '../../store/errors.ts';
import type { NodeClock } from '../clocks.ts';
import { CoinScanner } from '../coin-scanner.ts';
import type { Engine } from '../engine.ts';
import type { Indexes } from '../indexes.ts';

/** A tip of this age or younger counts as near the end. */
const RECENT_S = 2 * 60 * 60;

export function blockAccess({
  engine,
  clock,
  indexes,
}: {
  readonly engine: Engine;
  readonly clock: NodeClock;
  readonly indexes: Indexes;
}): BlockAccess {
  const { chain } = engine;
  const { headers, params } = chain;
  return {
    readBlock: id => readable(engine.readBlock(id)),
    readUndo: id => readable(engine.readUndo(id)),
    sizeOnDisk: () => engine.host.blockBytesOnDisk(),
    verificationProgress: () => verificationProgress(engine, chain.tip(), clock.now()),
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
    verify: async options => (await engine.enqueue('verify', () => chain.verify(options))) === 'good',
    pruning: chain.prune,
    pruneHeight: () => chain.pruneHeight(),
    pruneTo: height => engine.enqueue('prune', () => chain.pruneTo(height, clock.now())),
    invalidateBlock: id => engine.enqueue('invalidateBlock', () => chain.invalidateBlock(id, clock.now())),
    reconsiderBlock: id => engine.enqueue('reconsiderBlock', () => chain.reconsiderBlock(id, clock.now())),
    preciousBlock: id => engine.enqueue('preciousBlock', () => chain.preciousBlock(id, clock.now())),
    settled: async () => {
      await engine.writer.settled();
      await indexes.settled();
    },
    onNotice: (listener: (notice: ChainNotice) => void) =>
      engine.listen({ onChain: listener, onMempool() {} }),
  };
}

/** A caller is told that it is not there; who must have it reads past this. */
async function readable<T>(reading: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

/**
 * How much of the work of validation is done, by transactions: those after what `genesis.json` knows are reckoned from
 * time and rate (Core: GuessVerificationProgress).
 */
export function verificationProgress({ chain }: Engine, tip: HeaderId, at: Milliseconds): number {
  const { headers, params } = chain;
  const now: UnixSeconds = toUnixSeconds(at);
  const done = headers.chainTxCountOf(tip);
  const { time, txCount, txRate } = params.chainTxData;
  if (done <= txCount) return Math.min(done / (txCount + (now - time) * txRate), 1);
  const isRecent = Math.abs(now - headers.timeOf(tip)) <= RECENT_S;
  const behind = headers.heightOf(chain.bestHeader()) - headers.heightOf(tip);
  // Near the end heights tell more than times, which miners set as they like.
  const tipTime = isRecent && behind >= 0 ? now - behind * params.powTargetSpacing : headers.timeOf(tip);
  return Math.min(done / (done + (now - tipTime) * txRate), 1);
}

export function coinAccess({ engine, clock }: { engine: Engine; clock: NodeClock }): CoinAccess {
  return {
    coins: outPoints => engine.enqueue('coins', () => engine.chain.fetchCoins(outPoints)),
    coin: async outPoint => {
      const [coin] = await engine.enqueue('coin', () => engine.chain.fetchCoins([outPoint]));
      return coin;
    },
    scans: new CoinScanner(() => engine.host.coinSnapshot(engine.chain, engine.writer, clock.now())),
    stats: hash => engine.host.coinStats(engine.chain, engine.writer, { hash, now: clock.now() }),
  };
}
