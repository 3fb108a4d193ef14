/** All that RPC sees of the node, put together. */
import type { NodeFacade } from '../../rpc/node-facade.ts';
import type { NodeClock, Scheduler } from '../clocks.ts';
import type { NodeConfig } from '../config.ts';
import type { DebugLog } from '../debug-log.ts';
import type { Engine } from '../engine.ts';
import type { FeeEstimates } from '../fee-estimates.ts';
import type { Gossip } from '../gossip.ts';
import type { Indexes } from '../indexes.ts';
import { logFile } from '../log-options.ts';
import type { MempoolStore } from '../mempool-store.ts';
import type { NetworkOptions } from '../network-options.ts';
import type { Warnings } from '../warnings.ts';
import { blockAccess, coinAccess } from './blocks.ts';
import type { BlockMaker } from './mining.ts';
import { networkAccess } from './network.ts';
import { clockAccess, poolAccess, processAccess } from './pool.ts';
import { snapshotAccess } from './snapshots.ts';

export interface NodeParts {
  readonly engine: Engine;
  readonly indexes: Indexes;
  readonly warnings: Warnings;
  readonly gossip: Gossip;
  readonly maker: BlockMaker;
  readonly store: MempoolStore;
  /** Absent with `-blocksonly`. */
  readonly fees: FeeEstimates | undefined;
  readonly network: NetworkOptions;
  readonly clock: NodeClock;
  readonly scheduler: Scheduler;
  readonly log: DebugLog;
  /** Ends the node. */
  shutdown(): void;
}

export function nodeFacade(config: NodeConfig, parts: NodeParts): NodeFacade {
  const { engine, warnings, indexes, gossip, maker, store, fees, network, clock, scheduler, log } = parts;
  const time = clockAccess({ clock, scheduler });
  return {
    chain: engine.chain,
    mempool: engine.mempool,
    blocks: blockAccess({ engine, clock, indexes }),
    coins: coinAccess({ engine, clock }),
    indexes,
    snapshots: snapshotAccess({ engine, clock, log }, config.directory),
    pool: poolAccess({
      engine,
      clock,
      announce: txid => void gossip.command({ kind: 'announceTx', txid }),
      store,
    }),
    fees: fees?.estimator,
    mining: maker,
    network: networkAccess({ chain: engine.chain, gossip, clock }, network),
    clock: {
      ...time,
      advanceScheduler: seconds => {
        time.advanceScheduler(seconds);
        gossip.pump.dispatch({ kind: 'schedulerAdvanced', by: seconds * 1_000 });
      },
    },
    process: processAccess({
      log,
      logPath: logFile(config) ?? '',
      warnings: () => warnings.list(),
      shutdown: () => parts.shutdown(),
      deprecatedRpcs: config.settings.list('deprecatedrpc'),
    }),
  };
}
