/**
 * A block of transactions that the mempool has: how long it takes with what the mempool's checks left behind, with the
 * signatures alone, and with nothing. Scripts are checked by the script workers, coins lie in memory. Every transaction
 * spends two P2WPKH outputs.
 */
import { equal } from 'node:assert/strict';
import { SILENT_LOG } from '../../src/base/log.ts';
import { runTaskAsync } from '../../src/base/task.ts';
import { Chain } from '../../src/chain/chain.ts';
import { MemoryStorage } from '../../src/chain/memory-storage.ts';
import { ScriptCache } from '../../src/chain/script-cache.ts';
import { isScriptEffect, performScripts } from '../../src/chain/script-effects.ts';
import { createSignatureCache } from '../../src/crypto/signature-cache.ts';
import { loadVerifier, type SignatureVerifier } from '../../src/crypto/verifier.ts';
import type { MempoolTask } from '../../src/mempool/effects.ts';
import { Mempool } from '../../src/mempool/mempool.ts';
import { DEFAULT_MEMPOOL_OPTIONS } from '../../src/mempool/options.ts';
import { ScriptWorkers, workerCount } from '../../src/node/script-workers.ts';
import type { Block } from '../../src/wire/block.ts';
import type { Transaction } from '../../src/wire/transaction.ts';
import { BlockScene, input, output, transaction } from '../support/block-scene.ts';
import { keyHashScript, signedKeyHashSpendOf } from '../support/signed-spends.ts';
import { NOW, REGTEST } from '../support/test-chain.ts';
import type { Figure, Scenario } from './scenario.ts';

const INPUTS_PER_TX = 2;
const COIN_VALUE = 100_000;
const FULL_TXS = 2_500;
const SHORT_TXS = 25;
const MATURE_HEIGHT = 110;
const CACHE_BYTES = 16 * 2 ** 20;
const SALT = new Uint8Array(32).fill(1);

/** What the node remembers between mempool and block. */
type Memory = 'nothing' | 'signatures' | 'signatures and scripts';

interface Scene {
  readonly base: readonly Block[];
  readonly txs: readonly Transaction[];
  readonly block: Block;
}

export const mempoolBlockScenario: Scenario = {
  name: 'mempool-block',
  async run({ short }) {
    const verifier = await loadVerifier('auto');
    const scene = makeScene(short ? SHORT_TXS : FULL_TXS);
    const figures: Figure[] = [];
    for (const memory of ['nothing', 'signatures', 'signatures and scripts'] as const)
      figures.push(...(await measure(scene, memory, verifier)));
    return figures;
  },
};

async function measure(
  { base, txs, block }: Scene,
  memory: Memory,
  verifier: SignatureVerifier,
): Promise<Figure[]> {
  const signatures = memory === 'nothing' ? undefined : createSignatureCache(SALT, CACHE_BYTES);
  const scriptCache = memory === 'signatures and scripts' ? new ScriptCache(SALT, CACHE_BYTES) : undefined;
  const workers = new ScriptWorkers(
    { verifier, ...(signatures && { signatures }) },
    { workers: workerCount(0) },
  );
  await workers.start();
  const deps = { log: SILENT_LOG, ...(scriptCache && { scriptCache }) };
  const chain = new Chain({ params: REGTEST, ...deps });
  const mempool = new Mempool({ chain, coins: chain, ...deps }, DEFAULT_MEMPOOL_OPTIONS);
  const storage = new MemoryStorage();
  const run = <Result>(task: MempoolTask<Result>): Promise<Result> =>
    runTaskAsync(task, effect => {
      if (effect.kind === 'notify' || effect.kind === 'notifyMempool') return undefined;
      if (!isScriptEffect(effect)) return storage.perform(effect);
      return performScripts(effect, (checks, use) => workers.check(checks, use));
    });
  await run(chain.start(storage.load(chain), NOW));
  for (const each of base) await run(chain.submitBlock(each, { requested: true, now: NOW }));
  const startOfPool = performance.now();
  for (const tx of txs)
    equal((await run(mempool.submit(tx, { now: NOW, origin: 'peer' }))).status, 'accepted');
  const start = performance.now();
  await run(chain.submitBlock(block, { requested: true, now: NOW }));
  const end = performance.now();
  equal(chain.headers.hashOf(chain.tip()), block.header.hash);
  await workers.close();
  return [
    {
      name: `into the mempool, remembering ${memory}`,
      value: (txs.length * 1_000) / (start - startOfPool),
      unit: 'tx/s',
    },
    { name: `${txs.length} of them in a block, remembering ${memory}`, value: end - start, unit: 'ms' },
  ];
}

function makeScene(count: number): Scene {
  const scene = new BlockScene(REGTEST);
  scene.grow(MATURE_HEIGHT);
  const script = keyHashScript();
  const funding = transaction({
    inputs: [input(scene.coinbaseCoin(1).prevout)],
    outputs: Array.from({ length: count * INPUTS_PER_TX }, () => output(COIN_VALUE, script)),
  });
  scene.grow(1, { transactions: [funding] });
  const coin = (index: number) => ({ prevout: { txid: funding.txid, index }, value: COIN_VALUE });
  const txs = Array.from({ length: count }, (_, i) => {
    const first = i * INPUTS_PER_TX;
    return signedKeyHashSpendOf(Array.from({ length: INPUTS_PER_TX }, (__, j) => coin(first + j))).tx;
  });
  return { base: scene.base, txs, block: scene.block({ transactions: txs, commit: true }) };
}
