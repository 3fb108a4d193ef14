/**
 * A chain on disk whose index or coins are made anew, killed at a random effect of the writer, some times in a row: a start
 * after that, told to begin again or not, ends where nobody was killed. Everything follows from the seed.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import { arrivals, expected, undisturbedHeight } from './chain-crash.ts';
import { type DiskChain, type DiskChainOptions, Killed, openDiskChain } from './disk-chain.ts';
import { base } from './forking-blocks.ts';
import { NOW, REGTEST } from './test-chain.ts';

/** Small, so that there are many files, and a flush has many batches. */
const OPTIONS = { now: NOW, blockFileBytesMax: 3_000, batchBytesMax: 200, coinsCacheBytes: 2_000 };
/** An undisturbed reindex takes about as many. */
const EFFECTS = 600;
const KILLS_MAX = 3;

const open = (directory: string, options: Partial<DiskChainOptions> = {}) =>
  openDiskChain(REGTEST, directory, { ...OPTIONS, ...options });

/** Where the chain lies that all runs begin with, and where they live. */
export class ReindexCrashes {
  readonly #root = mkdtempSync(join(tmpdir(), 'hearsay-reindex-crash-'));
  #template: Promise<string> | undefined;

  /** One life. Throws Error with what was lost. */
  async run(seed: number): Promise<void> {
    this.#template ??= this.#write();
    const random = new SeededRandom(seed);
    const rebuild = randomBelow(random, 2) === 0 ? 'index' : 'coins';
    const directory = join(this.#root, String(seed));
    cpSync(await this.#template, directory, { recursive: true });
    const kills = 1 + randomBelow(random, KILLS_MAX);
    for (let i = 0; i < kills; i += 1) {
      const isTold = i === 0 || randomBelow(random, 3) === 0;
      await killed(directory, {
        ...(isTold && { rebuild }),
        effectsUntilKill: randomBelow(random, EFFECTS),
      });
    }
    const disk = await open(directory);
    const { height, tipHash, coins } = await standing(disk);
    await disk.stop();
    if (height !== undisturbedHeight || coins !== expected.get(tipHash))
      throw new Error(`rebuild of the ${rebuild}, seed ${seed}: it stands at ${height}, with coins ${coins}`);
    rmSync(directory, { recursive: true });
  }

  close(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #write(): Promise<string> {
    const directory = join(this.#root, 'template');
    const { chain, writer, stop } = await open(directory);
    for (const block of [...base, ...arrivals])
      await writer.enqueue('submit', () => chain.submitBlock(block, { requested: true, now: NOW }));
    await stop();
    return directory;
  }
}

async function killed(directory: string, options: Partial<DiskChainOptions>): Promise<void> {
  try {
    await (await open(directory, options)).kill();
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
}

async function standing({ chain, host, writer }: DiskChain) {
  const stats = await host.coinStats(chain, writer, { hash: 'hash_serialized_3', now: NOW });
  const tipHash = chain.headers.hashOf(chain.tip());
  return { height: chain.height, tipHash, coins: `${stats.hash} ${stats.outputs} ${stats.totalAmount}` };
}
