/** What RPC sees of mining: templates made in the writer's queue, so that chain and mempool are as one sees them. */
import { type BlockHash, hashToHex, type Txid } from '../../base/bytes.ts';
import { toUnixSeconds } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { formatMoney } from '../../consensus/amount.ts';
import { deriveTarget, nextWorkRequired } from '../../consensus/pow.ts';
import { feeRateOf } from '../../mempool/fee-rate.ts';
import { searchNonce, withNonce } from '../../mining/solve.ts';
import {
  assembleBlock,
  type BlockTemplate,
  createTemplate,
  type TemplateOptions,
} from '../../mining/template.ts';
import { RpcCode, RpcError } from '../../rpc/codes.ts';
import type { MiningAccess } from '../../rpc/node-facade.ts';
import type { Block } from '../../wire/block.ts';
import type { Transaction } from '../../wire/transaction.ts';
import type { NodeClock } from '../clocks.ts';
import type { Engine } from '../engine.ts';

/** Hashes between two looks at what else there is to do: some milliseconds. */
const SLICE_HASHES = 20_000;
/** Anyone may spend it: where a template's reward goes before the miner replaces the coinbase. */
const OP_TRUE = Uint8Array.of(0x51);

export interface BlockMaker extends MiningAccess {
  templateFor(scriptPubKey: Uint8Array): Promise<BlockTemplate>;
}

export function blockMaker(
  { engine, clock, log }: { readonly engine: Engine; readonly clock: NodeClock; readonly log: Log },
  options: Required<Pick<TemplateOptions, 'minFeeRate'>> &
    TemplateOptions & { readonly printsPriority?: boolean },
): BlockMaker {
  const { chain, mempool } = engine;
  const { headers, params } = chain;
  let last: MiningAccess['lastTemplate'];

  const contextFor = (scriptPubKey: Uint8Array) => ({
    params,
    headers,
    deployments: chain.deployments,
    parent: chain.tip(),
    now: clock.now(),
    scriptPubKey,
  });

  /** `-printpriority`, of what is in the mempool. */
  const printPriority = (txid: Txid): void => {
    const entry = mempool.get(txid);
    if (entry === undefined) return;
    const rate = formatMoney(feeRateOf(entry.modifiedFee, entry.virtualSize));
    log.info(`fee rate ${rate} BTC/kvB txid ${hashToHex(txid)}`);
  };

  const templateFor = (scriptPubKey: Uint8Array): Promise<BlockTemplate> =>
    engine.enqueue('template', function* () {
      const context = contextFor(scriptPubKey);
      const template = createTemplate(context, mempool, options);
      // Better no block than one that the network refuses (Core: CreateNewBlock).
      const checks = { now: context.now, checkPow: false, checkMerkleRoot: false };
      const reject = yield* chain.testBlock(template.block, checks);
      if (reject !== undefined)
        throw new RpcError(RpcCode.MISC_ERROR, `TestBlockValidity failed: ${reject.message}`);
      if (options.printsPriority)
        for (const tx of template.block.transactions.slice(1)) printPriority(tx.txid);
      last = { weight: template.weight, txCount: template.block.transactions.length - 1 };
      return template;
    });

  /** Tries up to `maxTries` nonces from the block's own upwards, others having their turns. */
  const solve = async (
    block: Block,
    maxTries: number,
  ): Promise<{ solved: Block | undefined; tries: number }> => {
    const target = deriveTarget(block.header.bits, params.powLimit);
    if (target === undefined) return { solved: undefined, tries: 0 };
    const start = block.header.nonce;
    for (let tries = 0; tries < maxTries; tries += SLICE_HASHES) {
      const count = Math.min(SLICE_HASHES, maxTries - tries);
      const nonce = searchNonce(block.header, target, { first: start + tries, count });
      if (nonce !== undefined) return { solved: withNonce(block, nonce), tries: nonce - start };
      await new Promise(resolve => setImmediate(resolve));
    }
    return { solved: undefined, tries: maxTries };
  };

  return {
    blockMinFeeRate: options.minFeeRate,
    get lastTemplate() {
      return last;
    },
    templateFor,
    createTemplate: () => templateFor(OP_TRUE),
    nextBits: () => nextWorkRequired(chain.tip(), toUnixSeconds(clock.now()), headers, params),
    async generate({ scriptPubKey, count, maxTries }) {
      const hashes: BlockHash[] = [];
      let left = maxTries;
      while (hashes.length < count && left > 0) {
        const { block } = await templateFor(scriptPubKey);
        const { solved, tries } = await solve(block, left);
        left -= tries;
        if (solved === undefined) break;
        const result = await engine.submitBlock(solved, { requested: true });
        if (result.status === 'rejected') {
          throw new RpcError(RpcCode.INTERNAL_ERROR, 'ProcessNewBlock, block not accepted');
        }
        hashes.push(solved.header.hash);
      }
      return hashes;
    },
    assemble: (scriptPubKey: Uint8Array, transactions: readonly Transaction[]) =>
      engine.enqueue('assemble', function* () {
        yield* [];
        return assembleBlock(contextFor(scriptPubKey), transactions);
      }),
    solve: async (block, maxTries) => (await solve(block, maxTries)).solved,
  };
}
