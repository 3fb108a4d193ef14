/** A chain on memory with real scripts, and blocks for it: mined on regtest, whose targets take a try or two. */
import { type BlockHash, type Hash256, hashToHex, type Txid, ZERO_HASH } from '../../src/base/bytes.ts';
import { SILENT_LOG } from '../../src/base/log.ts';
import type { Random } from '../../src/base/random.ts';
import { runTask } from '../../src/base/task.ts';
import { Chain } from '../../src/chain/chain.ts';
import type { ChainDeps, ChainOptions } from '../../src/chain/chain-state.ts';
import { COIN_KEYS } from '../../src/chain/coin-records.ts';
import { CoinStatistics } from '../../src/chain/coin-stats.ts';
import type { ChainNotice, WriterEffect, WriterTask } from '../../src/chain/effects.ts';
import { MemoryStorage } from '../../src/chain/memory-storage.ts';
import type { ScriptCache } from '../../src/chain/script-cache.ts';
import { isScriptEffect, performScripts } from '../../src/chain/script-effects.ts';
import { blockMerkleRoot } from '../../src/consensus/merkle.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import type { ChainParams } from '../../src/consensus/params.ts';
import { checkProofOfWork } from '../../src/consensus/pow.ts';
import { blockSubsidy } from '../../src/consensus/subsidy.ts';
import { pushNumber } from '../../src/script/opcodes.ts';
import { type Block, createBlock, createHeader } from '../../src/wire/block.ts';
import {
  createTransaction,
  NULL_INDEX,
  type OutPoint,
  SEQUENCE_FINAL,
  type Transaction,
} from '../../src/wire/transaction.ts';
import { verifyHere } from './check-scripts.ts';

export const REGTEST = networkParams('regtest');
/** Spent by an empty script. */
export const OP_TRUE_SCRIPT = Uint8Array.of(0x51);
/** When tests take place: ten days after regtest's genesis. */
export const NOW = (REGTEST.genesis.header.time + 864_000) * 1000;

const BLOCK_VERSION = 0x2000_0000;
const SPACING_SECONDS = 600;

export interface BlockParts {
  readonly transactions?: readonly Transaction[];
  /** Makes blocks at the same place different. */
  readonly tag?: number;
  /** Satoshi; by default the subsidy. */
  readonly coinbaseValue?: number;
  readonly time?: number;
}

/** A solved block on `parent`, which is at `height`. */
export function mineBlock(parent: Block, height: number, parts: BlockParts = {}): Block {
  const { transactions = [], tag = 0, time = parent.header.time + SPACING_SECONDS } = parts;
  const coinbase = createTransaction({
    version: 2,
    inputs: [
      {
        prevout: { txid: ZERO_HASH, index: NULL_INDEX },
        scriptSig: Uint8Array.of(
          ...pushNumber(height + 1),
          4,
          tag & 255,
          (tag >> 8) & 255,
          (tag >> 16) & 255,
          0,
        ),
        sequence: SEQUENCE_FINAL,
        witness: [],
      },
    ],
    outputs: [
      { value: parts.coinbaseValue ?? blockSubsidy(height + 1, REGTEST), scriptPubKey: OP_TRUE_SCRIPT },
    ],
    lockTime: 0,
  });
  return solve(parent.header.hash, time, [coinbase, ...transactions]);
}

/** `count` blocks on `parent`. */
export function mineBlocks(parent: Block, height: number, count: number, parts: BlockParts = {}): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < count; i += 1) blocks.push(mineBlock(blocks.at(-1) ?? parent, height + i, parts));
  return blocks;
}

function solve(prevHash: BlockHash, time: number, transactions: readonly Transaction[]): Block {
  const merkleRoot: Hash256 = blockMerkleRoot({ transactions }).root;
  const { bits } = REGTEST.genesis.header;
  for (let nonce = 0; ; nonce += 1) {
    const header = createHeader({ version: BLOCK_VERSION, prevHash, merkleRoot, time, bits, nonce });
    if (checkProofOfWork(header.hash, bits, REGTEST)) return createBlock(header, transactions);
  }
}

/** Spends anyone-can-spend outputs into `values`. */
export function spend(prevouts: readonly OutPoint[], values: readonly number[]): Transaction {
  return createTransaction({
    version: 2,
    inputs: prevouts.map(prevout => ({
      prevout,
      scriptSig: new Uint8Array(0),
      sequence: SEQUENCE_FINAL,
      witness: [],
    })),
    outputs: values.map(value => ({ value, scriptPubKey: OP_TRUE_SCRIPT })),
    lockTime: 0,
  });
}

export function coinbaseOf(block: Block): OutPoint {
  return { txid: block.transactions[0]!.txid as Txid, index: 0 };
}

export type TestChainOptions = ChainOptions & Pick<ChainDeps, 'scriptCache'>;

export class TestChain {
  readonly storage: MemoryStorage;
  readonly notices: ChainNotice[] = [];
  /** Who is told of each at once, before the writer goes on. */
  listener: ((notice: ChainNotice) => void) | undefined;
  /** Whether, when the end of a history was told, it was still to be seen. */
  historyAtEnd: boolean | undefined;
  readonly effects: WriterEffect[] = [];
  chain: Chain;
  readonly #options: TestChainOptions;
  readonly #params: ChainParams;
  /** Effects until power is lost in the middle of a task; undefined: never. */
  effectsUntilCrash: number | undefined;
  /** What is thrown then. */
  failure: () => Error = () => new PowerLoss();

  constructor(
    options: TestChainOptions = {},
    storage = new MemoryStorage({ crashable: true }),
    params: ChainParams = REGTEST,
  ) {
    this.storage = storage;
    this.#options = options;
    this.#params = params;
    this.chain = this.#start();
  }

  get scriptCache(): ScriptCache | undefined {
    return this.#options.scriptCache;
  }

  run<Result>(task: WriterTask<Result>): Result {
    return runTask(task, effect => {
      if (this.effectsUntilCrash === 0) throw this.failure();
      if (this.effectsUntilCrash !== undefined) this.effectsUntilCrash -= 1;
      return this.#perform(effect);
    });
  }

  #perform(effect: WriterEffect): unknown {
    this.effects.push(effect);
    switch (effect.kind) {
      case 'notify':
        this.notices.push(effect.notice);
        this.listener?.(effect.notice);
        if (effect.notice.kind === 'historyMoved' && effect.notice.tip === undefined)
          this.historyAtEnd = this.chain.history() !== undefined;
        return;
      default:
        if (isScriptEffect(effect)) return performScripts(effect, verifyHere);
        return this.storage.perform(effect);
    }
  }

  submit(block: Block): string {
    const result = this.run(this.chain.submitBlock(block, { requested: true, now: NOW }));
    return result.status === 'accepted' ? (result.newBlock ? 'new' : 'known') : result.reject.text;
  }

  flush(): void {
    this.run(this.chain.flush(NOW));
  }

  get tipHash(): BlockHash {
    return this.chain.headers.hashOf(this.chain.tip());
  }

  /** The notices since the last call, as text. */
  takeNotices(): string[] {
    return this.notices.splice(0).map(notice => {
      const { headers } = this.chain;
      switch (notice.kind) {
        case 'blockInvalid':
          return `invalid ${hashToHex(notice.hash).slice(-6)} ${notice.reason.text}`;
        case 'tipChanged':
          return `tip ${headers.heightOf(notice.tip)} fork ${headers.heightOf(notice.fork)}`;
        case 'pruning':
          return 'pruning';
        case 'historyMoved':
          return `history ${notice.tip === undefined ? 'done' : headers.heightOf(notice.tip)}`;
        default:
          return `${notice.kind === 'blockConnected' ? '+' : '-'}${headers.heightOf(notice.id)}`;
      }
    });
  }

  /** Everything about the coins in one text; flushes. */
  coinsFingerprint(): string {
    this.flush();
    const statistics = new CoinStatistics('hash_serialized_3');
    for (const entry of this.storage.coins.entries(COIN_KEYS)) statistics.add(entry);
    const { hash, outputs, totalAmount } = statistics.finish();
    return `${hash} ${outputs} ${totalAmount}`;
  }

  /** The process was killed: all that was written is there. */
  restart(): void {
    this.effectsUntilCrash = undefined;
    this.chain = this.#start();
  }

  /** Power was lost. */
  crash(random: Random): void {
    this.storage.crash(random);
    this.restart();
  }

  #start(): Chain {
    const { scriptCache, ...options } = this.#options;
    const deps = { params: this.#params, log: SILENT_LOG, ...(scriptCache && { scriptCache }) };
    this.chain = new Chain(deps, { checkRatio: 1, ...options });
    const records = this.storage.load(this.chain);
    this.run(this.chain.start(records, NOW));
    return this.chain;
  }
}

/** Thrown into the writer's task where power is lost. */
export class PowerLoss extends Error {
  override readonly name = 'PowerLoss';
}
