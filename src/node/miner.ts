/** `--mine ADDRESS`: mines in the background. The search runs in a worker; here templates are made and blocks submitted. */
import { Worker } from 'node:worker_threads';
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ChainParams } from '../consensus/params.ts';
import { deriveTarget } from '../consensus/pow.ts';
import { withNonce } from '../mining/solve.ts';
import { decodeAddress } from '../script/address.ts';
import type { Block } from '../wire/block.ts';
import type { Engine } from './engine.ts';
import type { BlockMaker } from './facade/mining.ts';
import type { MinerAnswer, MinerJob } from './miner-worker.ts';
import { ConfigError, type Settings } from './settings.ts';

/** A template is made anew this often, for new transactions and the time. */
const REFRESH_MS: Milliseconds = 10 * SECOND_MS;
/** On chains without difficulty blocks would fill the disk: one a second is plenty. */
const PACE_MS: Milliseconds = SECOND_MS;

/** Whom the blocks pay; undefined where nothing is mined. Throws ConfigError. */
export function mineOption(settings: Settings, params: ChainParams): Uint8Array | undefined {
  const address = settings.text('mine');
  if (address === undefined) return undefined;
  try {
    return decodeAddress(address, params.address).scriptPubKey;
  } catch (error) {
    throw new ConfigError(
      `--mine ${address} is not an address of ${params.name}: ${(error as Error).message}`,
    );
  }
}

export class BackgroundMiner {
  readonly #deps: { readonly engine: Engine; readonly maker: BlockMaker; readonly log: Log };
  readonly #scriptPubKey: Uint8Array;
  readonly #worker: Worker;
  readonly #forget: () => void;
  #candidate: Block | undefined;
  #job = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(
    deps: {
      readonly engine: Engine;
      readonly maker: BlockMaker;
      readonly log: Log;
      readonly onFatal: (error: Error) => void;
    },
    scriptPubKey: Uint8Array,
  ) {
    this.#deps = deps;
    this.#scriptPubKey = scriptPubKey;
    // Beside the bundle, or the compiled file where this one is compiled.
    this.#worker = new Worker(new URL('./miner-worker.js', import.meta.url));
    this.#worker.on('message', (answer: MinerAnswer) => void this.#answered(answer).catch(deps.onFatal));
    this.#worker.on('error', deps.onFatal);
    this.#forget = deps.engine.listen({
      onChain: notice => {
        if (notice.kind === 'tipChanged') this.#schedule(0);
      },
      onMempool() {},
    });
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#forget();
    await this.#worker.terminate();
  }

  #schedule(delay: Milliseconds): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#begin().catch((error: Error) => {
        if (!this.#isStopped) this.#deps.log.warn(`The miner has no template: ${error.message}`);
      });
    }, delay);
  }

  async #begin(): Promise<void> {
    const { block } = await this.#deps.maker.templateFor(this.#scriptPubKey);
    const target = deriveTarget(block.header.bits, this.#deps.engine.chain.params.powLimit);
    if (target === undefined || this.#isStopped) return;
    this.#candidate = block;
    this.#job += 1;
    const { version, prevHash, merkleRoot, time, bits, nonce } = block.header;
    const job: MinerJob = {
      id: this.#job,
      header: { version, prevHash, merkleRoot, time, bits, nonce },
      target,
    };
    this.#worker.postMessage(job);
    this.#schedule(REFRESH_MS);
  }

  async #answered({ id, nonce }: MinerAnswer): Promise<void> {
    if (id !== this.#job || this.#candidate === undefined || this.#isStopped) return;
    const candidate = this.#candidate;
    this.#candidate = undefined;
    if (nonce !== undefined) {
      const block = withNonce(candidate, nonce);
      const result = await this.#deps.engine.submitBlock(block, { requested: true });
      if (result.status === 'rejected')
        this.#deps.log.warn(`A mined block was refused: ${result.reject.message}`);
    }
    this.#schedule(PACE_MS);
  }
}
