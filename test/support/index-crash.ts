/**
 * An index beside a chain that forks and dies at any write of either: killed, or without power, which takes any of what
 * was not durable from the chain's storage, the index's store and its files. Whatever happened, it ends where an index
 * ends that nothing disturbed. Everything follows from the seed.
 */
import { type BlockHash, bytesToHex, hashToHex } from '../../src/base/bytes.ts';
import { SILENT_LOG } from '../../src/base/log.ts';
import { type Random, randomBelow, SeededRandom } from '../../src/base/random.ts';
import type { HeaderId } from '../../src/chain/chain-view.ts';
import type { ChainIndex, FileWrite } from '../../src/chain/indexes/chain-index.ts';
import { CoinStatsIndex } from '../../src/chain/indexes/coin-stats-index.ts';
import { FilterIndex, filterOf } from '../../src/chain/indexes/filter-index.ts';
import { SpenderIndex } from '../../src/chain/indexes/spender-index.ts';
import { TxIndex } from '../../src/chain/indexes/tx-index.ts';
import { MemoryStorage } from '../../src/chain/memory-storage.ts';
import { IndexRunner } from '../../src/node/index-runner.ts';
import { RecentBlocks } from '../../src/node/recent-blocks.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { BatchOp } from '../../src/store/store.ts';
import type { Block } from '../../src/wire/block.ts';
import { base, forkingBlocks } from './forking-blocks.ts';
import { mineBlocks, NOW, PowerLoss, REGTEST, TestChain } from './test-chain.ts';

const arrivals = forkingBlocks(24, 7);
/** As many as a prune mode needs to have something to delete, which keeps the last 288. */
const longChain = mineBlocks(REGTEST.genesis, 0, 340);
/** Small, so that a flush has many batches. */
const BATCH_BYTES_MAX = 400;
const SMALL_FILE_BYTES = 1300;

class IndexDeadError extends Error {}

/** Fails after a number of batches, and loses power. */
class FailingStore extends MemoryStore {
  batchesUntilFailure = Number.POSITIVE_INFINITY;

  constructor() {
    super({ crashable: true });
  }

  override batch(ops: readonly BatchOp[], options: { readonly durable: boolean }): Promise<void> {
    if (this.batchesUntilFailure === 0) return Promise.reject(new IndexDeadError());
    this.batchesUntilFailure -= 1;
    return super.batch(ops, options);
  }
}

/** What was not synced may be gone, there, or torn. */
class MemoryFiles {
  readonly #durable = new Map<string, Uint8Array>();
  readonly #written = new Map<string, Uint8Array>();
  isDead = false;

  write({ position, bytes }: FileWrite): void {
    if (this.isDead) throw new IndexDeadError();
    this.#written.set(placeOf(position), bytes.slice());
  }

  read(position: FileWrite['position']): Uint8Array | undefined {
    return this.#written.get(placeOf(position)) ?? this.#durable.get(placeOf(position));
  }

  sync(): void {
    if (this.isDead) throw new IndexDeadError();
    for (const [place, bytes] of this.#written) this.#durable.set(place, bytes);
    this.#written.clear();
  }

  crash(random: Random): void {
    for (const [place, bytes] of this.#written) {
      const fate = randomBelow(random, 3);
      if (fate === 0) continue;
      const torn = new Uint8Array(bytes.length);
      torn.set(fate === 1 ? bytes : bytes.subarray(0, randomBelow(random, bytes.length)));
      this.#durable.set(place, torn);
    }
    this.#written.clear();
  }

  close(): void {}
}

function placeOf({ file, offset }: FileWrite['position']): string {
  return `${file}:${offset}`;
}

export const INDEXES = {
  txindex: () => new TxIndex(),
  spenders: () => new SpenderIndex(new SeededRandom(3)),
  filters: () => new FilterIndex(),
  coinstats: () => new CoinStatsIndex(REGTEST),
} as const;

type IndexKind = keyof typeof INDEXES;

export class Follower<T extends ChainIndex> {
  readonly store = new FailingStore();
  readonly files = new MemoryFiles();
  readonly #chain: TestChain;
  readonly #create: () => T;
  index!: T;
  runner!: IndexRunner;
  failure: Error | undefined;

  constructor(chain: TestChain, create: () => T) {
    this.#chain = chain;
    this.#create = create;
  }

  async start(): Promise<void> {
    this.create();
    await this.runner.open();
    this.runner.start();
    await this.reached();
  }

  create(): void {
    const test = this.#chain;
    this.failure = undefined;
    this.index = this.#create();
    this.runner = new IndexRunner({
      index: this.index,
      store: this.store,
      files: this.files,
      engine: {
        get chain() {
          return test.chain.validated;
        },
        readBlock: async (id: HeaderId) => test.run(test.chain.readBlock(id)),
        readUndo: async (id: HeaderId) => test.run(test.chain.readUndo(id)),
      },
      recent: new RecentBlocks(),
      log: SILENT_LOG,
      onFatal: error => {
        this.failure = error;
      },
    });
  }

  async reached(): Promise<void> {
    this.runner.notice();
    while (!this.runner.isSynced && this.failure === undefined) await new Promise(setImmediate);
    await this.runner.caughtUp();
  }

  /** Nothing that is under way is written any more. */
  async die(): Promise<void> {
    this.store.batchesUntilFailure = 0;
    this.files.isDead = true;
    await this.runner.stop().catch(() => {});
    this.store.batchesUntilFailure = Number.POSITIVE_INFINITY;
    this.files.isDead = false;
  }

  losePower(random: Random): void {
    this.store.crash(randomBelow(random, this.store.volatileBatches + 1));
    this.files.crash(random);
  }
}

/** Everything that the index says of the chain's blocks. */
async function answers(chain: TestChain, follower: Follower<ChainIndex>): Promise<string[]> {
  const { index, files } = follower;
  const { headers } = chain.chain;
  const found: string[] = [];
  for (let height = 0; height <= chain.chain.height; height += 1) {
    const id = chain.chain.atHeight(height)!;
    const hash: BlockHash = headers.hashOf(id);
    if (index instanceof CoinStatsIndex) {
      const { muhash, ...rest } = index.find({ hash, height })!;
      found.push(`${hashToHex(muhash)} ${Object.values(rest).join(' ')}`);
    }
    if (index instanceof FilterIndex) {
      const record = index.find({ hash, height })!;
      const bytes = files.read(record.position);
      const filter = bytes && filterOf(bytes, record);
      found.push(`${filter && bytesToHex(filter)} ${hashToHex(record.header)}`);
    }
    // These two are not kept by a node that deletes blocks.
    if (!(index instanceof TxIndex || index instanceof SpenderIndex)) continue;
    const block = chain.run(chain.chain.readBlock(id));
    const here = headers.dataPositionOf(id)!;
    for (const tx of block.transactions) {
      if (index instanceof TxIndex && height > 0)
        found.push(`${index.find(tx.txid)?.block.offset === here.offset}`);
      if (!(index instanceof SpenderIndex) || tx.isCoinbase) continue;
      const places = await index.candidates(tx.inputs[0]!.prevout);
      found.push(`${places.some(({ block: place }) => place.offset === here.offset)}`);
    }
  }
  return found;
}

interface Scene {
  readonly blocks: readonly Block[];
  readonly prunes: boolean;
}

const SCENES = {
  forks: { blocks: [...base, ...arrivals], prunes: false },
  pruned: { blocks: longChain, prunes: true },
} as const satisfies Record<string, Scene>;

type IndexScene = keyof typeof SCENES;

/** Which index may be kept in which scene. */
export const INDEX_CRASHES = [
  ['txindex', 'forks'],
  ['spenders', 'forks'],
  ['filters', 'forks'],
  ['coinstats', 'forks'],
  ['filters', 'pruned'],
  ['coinstats', 'pruned'],
] as const satisfies readonly (readonly [IndexKind, IndexScene])[];

function newChain({ prunes }: Scene): TestChain {
  return new TestChain(
    { batchBytesMax: BATCH_BYTES_MAX, ...(prunes && { prune: { targetBytes: undefined, afterHeight: 0 } }) },
    new MemoryStorage({ crashable: true, ...(prunes && { fileBytesMax: SMALL_FILE_BYTES }) }),
  );
}

const expected = new Map<string, Promise<string[]>>();

/** What it says when nothing happens. */
function undisturbed(kind: IndexKind, scene: IndexScene): Promise<string[]> {
  const key = `${kind} ${scene}`;
  const known = expected.get(key);
  if (known !== undefined) return known;
  const made = (async () => {
    const chain = newChain({ ...SCENES[scene], prunes: false });
    for (const block of SCENES[scene].blocks) chain.submit(block);
    const follower = new Follower<ChainIndex>(chain, INDEXES[kind]);
    await follower.start();
    const found = await answers(chain, follower);
    await follower.runner.stop();
    return found;
  })();
  expected.set(key, made);
  return made;
}

/** Up to three deaths, each at a random write of the chain or of the index. Throws Error with what is wrong. */
export async function indexCrashRun(kind: IndexKind, scene: IndexScene, seed: number): Promise<void> {
  const demand = (isSo: boolean, what: string) => {
    if (!isSo) throw new Error(`${kind}, ${scene}, seed ${seed}: ${what}`);
  };
  const isActive = ({ header }: Block) => {
    const id = chain.chain.headers.find(header.hash);
    return id !== undefined && chain.chain.isActive(id);
  };
  const { blocks, prunes } = SCENES[scene];
  const random = new SeededRandom(seed);
  const chain = newChain(SCENES[scene]);
  const follower = new Follower<ChainIndex>(chain, INDEXES[kind]);
  /** Blocks with flushes, looks at the index and deletions of old files in between; false when something died. */
  const lives = async (): Promise<boolean> => {
    try {
      for (const block of blocks) {
        // Nobody sends again what was deleted.
        if (!isActive(block)) chain.submit(block);
        if (randomBelow(random, 6) === 0) chain.flush();
        if (randomBelow(random, 3) > 0) await follower.reached();
        if (follower.failure !== undefined) break;
        if (!prunes || randomBelow(random, 20) > 0) continue;
        await follower.runner.beforePruning();
        chain.run(chain.chain.pruneTo(chain.chain.height, NOW));
      }
      await follower.reached();
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
      return false;
    }
    const { failure } = follower;
    const isDeath =
      failure === undefined || failure instanceof IndexDeadError || failure instanceof PowerLoss;
    demand(isDeath, `it gives up: ${failure?.message}`);
    return failure === undefined;
  };
  for (const block of blocks.slice(0, randomBelow(random, base.length))) chain.submit(block);
  if (randomBelow(random, 2) === 0) chain.flush();
  await follower.start();
  for (let deaths = 1 + randomBelow(random, 3); deaths > 0; deaths -= 1) {
    if (randomBelow(random, 2) === 0) chain.effectsUntilCrash = randomBelow(random, 8 * blocks.length);
    else follower.store.batchesUntilFailure = randomBelow(random, 2 * blocks.length);
    await lives();
    await follower.die();
    if (randomBelow(random, 3) === 0) chain.restart();
    else {
      follower.losePower(random);
      chain.crash(random);
    }
    await follower.start().catch((error: Error) => demand(false, `it does not start: ${error.message}`));
    demand(follower.failure === undefined, `it does not go on: ${follower.failure?.message}`);
  }
  // What a loss of power took from the chain comes again.
  demand(await lives(), 'nothing disturbs it, and it ends');
  const found = await answers(chain, follower);
  const wanted = await undisturbed(kind, scene);
  demand(found.join('\n') === wanted.join('\n'), 'it says something else in the end');
  // A clean stop keeps all of it.
  chain.flush();
  await follower.runner.stop();
  await follower.start();
  demand(follower.runner.nextHeight() === chain.chain.height + 1, 'a clean stop forgets');
  await follower.runner.stop();
}
