/** What RPC sees of the mempool's writer, the clocks and the process. */
import { getHeapSpaceStatistics } from 'node:v8';
import { SECOND_MS } from '../../base/clock.ts';
import { Reject } from '../../consensus/reject.ts';
import type { Acceptance } from '../../mempool/accept.ts';
import type { ClockAccess, PoolAccess, ProcessAccess, TestAcceptance } from '../../rpc/node-facade.ts';
import { type NodeClock, type Scheduler, steadyNow } from '../clocks.ts';
import type { DebugLog } from '../debug-log.ts';
import type { Engine } from '../engine.ts';
import type { MempoolStore } from '../mempool-store.ts';

/** As Core counts: 31.99.0, whose behaviour this node follows. Clients compare it to know what they may ask. */
const CLIENT_VERSION = 319_900;

export function poolAccess(deps: {
  readonly engine: Engine;
  readonly clock: NodeClock;
  /** Tells the gossip layer to announce it to everybody again. */
  readonly announce: PoolAccess['announce'];
  readonly store: MempoolStore;
}): PoolAccess {
  const { engine, clock, announce, store } = deps;
  const { mempool } = engine;
  return {
    options: mempool.options,
    get isLoaded() {
      return store.isLoaded;
    },
    save: () => store.save(),
    import: (file, options) => store.import(file, options),
    submit(tx, { maxFee, announces = true }) {
      const how = announces
        ? { origin: 'local' as const }
        : { origin: 'peer' as const, entryTime: clock.now() };
      return engine.submitTx(tx, { ...how, ...(maxFee !== undefined && { maxFee }) });
    },
    announce,
    submitPackage: (txs, { maxFeeRate }) =>
      engine.submitPackage(txs, maxFeeRate === undefined ? {} : { maxFeeRate }),
    test: async txs => {
      const { reject, results } = await engine.enqueue('testTransactions', () =>
        mempool.testPackage(txs, clock.now()),
      );
      return { reject, results: results.map(testAcceptance) };
    },
    prioritise: (txid, feeDelta) => mempool.prioritise(txid, feeDelta),
    feeDeltas: () => mempool.feeDeltas(),
    chunkOf: txid => mempool.chunkOf(txid),
    clusterOf: txid => mempool.clusterOf(txid),
  };
}

function testAcceptance(result: Acceptance | Reject | undefined): TestAcceptance | Reject | undefined {
  if (result === undefined || result instanceof Reject) return result;
  const { facts, modifiedFee } = result;
  return { fee: facts.fee, modifiedFee, virtualSize: facts.virtualSize };
}

export function clockAccess({ clock, scheduler }: { clock: NodeClock; scheduler: Scheduler }): ClockAccess {
  return {
    now: () => clock.now(),
    systemNow: () => Date.now(),
    setMockTime: time => clock.setMockTime(time ?? 0),
    advanceScheduler: seconds => scheduler.advance(seconds * SECOND_MS),
  };
}

export function processAccess(deps: {
  readonly log: DebugLog;
  readonly logPath: string;
  readonly warnings: () => readonly string[];
  readonly shutdown: () => void;
  readonly deprecatedRpcs: readonly string[];
}): ProcessAccess {
  const startedAt = steadyNow();
  return {
    version: CLIENT_VERSION,
    get warnings() {
      return deps.warnings();
    },
    logPath: deps.logPath,
    uptimeS: () => Math.floor((steadyNow() - startedAt) / SECOND_MS),
    shutdown: deps.shutdown,
    deprecatedRpcs: deps.deprecatedRpcs,
    logCategories: () => new Map(Object.entries(deps.log.categories())),
    setLogCategory: (category, on) => deps.log.enable(category, on),
    heap() {
      const { heapUsed: used, heapTotal } = process.memoryUsage();
      const spaces = getHeapSpaceStatistics();
      const spacesUsed = spaces.filter(space => space.space_used_size > 0).length;
      return { used, free: heapTotal - used, spacesUsed, spacesFree: spaces.length - spacesUsed };
    },
  };
}
