/** What RPC sees of files with all coins, and of the chainstates, over the engine. */
import type { Log } from '../../base/log.ts';
import type { SnapshotAccess } from '../../rpc/snapshot-access.ts';
import type { NodeClock } from '../clocks.ts';
import type { Engine } from '../engine.ts';
import { dumpCoins } from '../snapshot-dump.ts';
import { loadCoins } from '../snapshot-load.ts';
import { verificationProgress } from './blocks.ts';

export function snapshotAccess(
  { engine, clock, log }: { readonly engine: Engine; readonly clock: NodeClock; readonly log: Log },
  directory: string,
): SnapshotAccess {
  const openCoins = () => engine.host.coinSnapshot(engine.chain, engine.writer, clock.now());
  return {
    directory,
    dump: request => dumpCoins({ engine, log, openCoins }, request),
    load: (path, stopping) => loadCoins({ engine, clock, log }, path, stopping),
    chainstates: () =>
      engine.chain.chainstates().map(state => ({
        ...state,
        verificationProgress: verificationProgress(engine, state.tip, clock.now()),
      })),
  };
}
