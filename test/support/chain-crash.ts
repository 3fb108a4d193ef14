/**
 * A chain on memory that dies at a random effect of the writer: power lost, the process killed, or the disk full. It must
 * come up whole; a death of the process alone must lose nothing that was answered; and going on must end where an
 * undisturbed run ends. Everything follows from the seed.
 */
import type { BlockHash } from '../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import type { StorageEffect, WriterEffect } from '../../src/chain/effects.ts';
import { MemoryStorage } from '../../src/chain/memory-storage.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { Block } from '../../src/wire/block.ts';
import { base, forkingBlocks } from './forking-blocks.ts';
import { PowerLoss, TestChain } from './test-chain.ts';

export type Death = 'power loss' | 'kill' | 'full disk';

export const arrivals = forkingBlocks(30, 99);
/** Small batches, so that a flush has many; the tree is looked through at one in some tasks, since that takes longer than the task. */
const OPTIONS = { batchBytesMax: 200, checkRatio: 5 };
const WRITES: ReadonlySet<WriterEffect['kind']> = new Set([
  'appendBlock', 'appendUndo', 'syncBlockFiles', 'writeIndex', 'writeCoins',
]); // biome-ignore format: one list

/** The coins at each tip that a chain of these blocks can have, from runs that nothing disturbed: one for each branch. */
function fingerprints(): Map<BlockHash, string> {
  const found = new Map<BlockHash, string>();
  const branches = new Map<BlockHash, TestChain>([[base[0]!.header.prevHash, grown([])]]);
  for (const block of [...base, ...arrivals]) {
    const { hash, prevHash } = block.header;
    // The second branch begins where the first has left.
    const chain = branches.get(prevHash) ?? grown(base);
    branches.delete(prevHash);
    chain.submit(block);
    branches.set(hash, chain);
    found.set(hash, chain.coinsFingerprint());
  }
  return found;
}

/** A chain of these blocks. */
function grown(blocks: readonly Block[], storage = new MemoryStorage({ crashable: true })): TestChain {
  const chain = new TestChain(OPTIONS, storage);
  for (const block of blocks) chain.submit(block);
  return chain;
}
export const expected = fingerprints();

/** What was written for `base`, by the size of block files: doing it again takes a tenth of judging the blocks again. */
const written = new Map<number | undefined, readonly WriterEffect[]>();

/** `fileBytesMax`: of block files. */
export function prepared(fileBytesMax?: number): TestChain {
  const newStorage = () =>
    new MemoryStorage({ crashable: true, ...(fileBytesMax !== undefined && { fileBytesMax }) });
  let writes = written.get(fileBytesMax);
  if (writes === undefined) {
    const chain = grown(base, newStorage());
    chain.flush();
    writes = chain.effects.filter(({ kind }) => WRITES.has(kind));
    written.set(fileBytesMax, writes);
  }
  const storage = newStorage();
  for (const effect of writes) storage.perform(effect as StorageEffect);
  return new TestChain(OPTIONS, storage);
}

/** Submits blocks with a flush now and then until power is lost; returns the work that was answered for. */
function runUntilCrash(chain: TestChain, random: SeededRandom, effects: number): bigint {
  let toldWork = chain.chain.headers.chainWorkOf(chain.chain.tip());
  chain.effectsUntilCrash = effects;
  try {
    for (const block of arrivals) {
      chain.submit(block);
      toldWork = chain.chain.headers.chainWorkOf(chain.chain.tip());
      if (randomBelow(random, 4) === 0) chain.flush();
    }
  } catch (error) {
    if (!(error instanceof PowerLoss || error instanceof StoreError)) throw error;
  }
  return toldWork;
}

/** One life, from a seed. Throws Error with what was lost. */
export function crashRun(seed: number, death: Death): void {
  const demand = (isSo: boolean, what: string) => {
    if (!isSo) throw new Error(`${death}, seed ${seed}: ${what}`);
  };
  const random = new SeededRandom(seed);
  const chain = prepared(randomBelow(random, 2) === 0 ? undefined : 2000);
  if (death === 'full disk') chain.failure = () => new StoreError('io', 'No space left on device');
  const toldWork = runUntilCrash(chain, random, randomBelow(random, 700));
  if (death === 'power loss') chain.crash(random);
  else chain.restart();
  const work = chain.chain.headers.chainWorkOf(chain.chain.tip());
  demand(death === 'power loss' || work >= toldWork, 'it does not stand where it had told that it stands');
  demand(chain.coinsFingerprint() === expected.get(chain.tipHash), 'the coins are not those of the tip');
  // Sometimes again, in the middle of catching up.
  if (randomBelow(random, 2) === 0) {
    runUntilCrash(chain, random, randomBelow(random, 300));
    chain.crash(random);
  }
  for (const block of [...base, ...arrivals]) chain.submit(block);
  demand(chain.coinsFingerprint() === expected.get(chain.tipHash), 'the coins are others in the end');
  demand(chain.chain.height === undisturbedHeight, 'the end is another one');
}

export const undisturbedHeight = (() => {
  const chain = prepared();
  for (const block of arrivals) chain.submit(block);
  return chain.chain.height;
})();
