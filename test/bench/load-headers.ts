/** `load-headers FOLDER`: loads a block index of regtest as a start does, and tells on stdout what that took. */
import { hashToHex } from '../../src/base/bytes.ts';
import { SILENT_LOG } from '../../src/base/log.ts';
import { BLOCK_INDEX_KEYS } from '../../src/chain/block-index.ts';
import { Chain } from '../../src/chain/chain.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { openLevelStore } from '../../src/store/level.ts';

export interface LoadedHeaders {
  readonly headers: number;
  /** Hash of the one with the most work. */
  readonly tip: string;
  readonly rssBytes: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

const chain = new Chain({ params: networkParams('regtest'), log: SILENT_LOG });
const before = process.memoryUsage().rss;
const start = performance.now();
const cpuStart = process.cpuUsage();
const store = await openLevelStore(process.argv[2]!);
const load = chain.loadIndex();
for await (const entry of store.iterate(BLOCK_INDEX_KEYS)) load.add(entry);
load.finish();
const cpu = process.cpuUsage(cpuStart);
const loaded: LoadedHeaders = {
  headers: chain.headers.size,
  tip: hashToHex(chain.headers.hashOf(chain.headers.tips()[0]!)),
  rssBytes: process.memoryUsage().rss - before,
  wallSeconds: (performance.now() - start) / 1_000,
  cpuSeconds: (cpu.user + cpu.system) / 1e6,
};
await store.close();
process.stdout.write(JSON.stringify(loaded));
