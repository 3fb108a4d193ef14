/** What was paid to and spent from descriptors in some blocks and in the mempool (Core: rpc/blockchain.cpp). */
import { type BlockHash, bytesToBinary, hashToHex } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import { exactValue, type OutPoint, type Transaction, type TxOutput } from '../../../wire/transaction.ts';
import { toHash } from '../../arguments.ts';
import { findHeader } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount, type JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { scanObjectsParam, scriptsOf } from '../../scan-objects.ts';
import { requireBlock, requireUndo } from '../../stored-blocks.ts';
import { scriptFields, scriptToJson } from '../../tx-json.ts';

const EXAMPLE_HASH = '000000000000000000001347062c12fded7c528943c8ce133987e2e2f5a840ee';
const EXAMPLE = 'addr(bc1qzl6nsgqzu89a66l50cvwapnkw5shh23zarqkw9)';
const { optional: _, ...requiredScanObjects } = scanObjectsParam;

export const getdescriptoractivity: RpcMethod<NodeFacade> = {
  name: 'getdescriptoractivity',
  category: 'blockchain',
  description:
    'Tells what was paid to descriptors and spent from them in given blocks, those for instance that scanblocks found.\n' +
    'This may take minutes. The client should wait without a time-out of its own.',
  params: [
    {
      name: 'blockhashes',
      type: 'array',
      doc: 'The blocks to look into, in any order; all of the main chain.',
      fields: [{ name: 'blockhash', type: 'hex', optional: true, doc: 'The hash of a block' }],
    },
    { ...requiredScanObjects, doc: 'What to look for' },
    { name: 'include_mempool', type: 'boolean', default: true, doc: 'Whether the mempool counts' },
  ],
  results: [
    res.object('', '', [
      res.array('activity', 'what happened', [
        res.object('', '', [
          res.string('type', "'spend'"),
          res.amount('amount', 'the value in BTC'),
          res.hex('blockhash?', 'the hash of the block, absent in the mempool'),
          res.number('height?', 'the height of the block, absent in the mempool'),
          res.hex('spend_txid', 'the id of the transaction that spends'),
          res.number('spend_vin', 'the number of its input'),
          res.hex('prevout_txid', 'the id of the transaction that is spent from'),
          res.number('prevout_vout', 'the number of its output'),
          res.object('prevout_spk', '', scriptFields),
        ]),
        res.object('', '', [
          res.string('type', "'receive'"),
          res.amount('amount', 'the value in BTC'),
          res.hex('blockhash?', 'the hash of the block, absent in the mempool'),
          res.number('height?', 'the height of the block, absent in the mempool'),
          res.hex('txid', 'the id of the transaction that pays'),
          res.number('vout', 'the number of its output'),
          res.object('output_spk', '', scriptFields),
        ]),
      ]),
    ]),
  ],
  examples: [[[EXAMPLE_HASH], [EXAMPLE]]],
  async run(node, args) {
    const { chain } = node;
    const ids = new Set(
      args.array('blockhashes').map(value => {
        const id = findHeader(chain, toHash<BlockHash>(value, 'blockhash'));
        if (chain.isActive(id)) return id;
        throw new RpcError(RpcCode.INVALID_PARAMETER, 'Block is not in main chain');
      }),
    );
    const scripts = scriptsOf(args.array('scanobjects'), chain.params);
    const activity: JsonOut[] = [];
    for (const id of [...ids].sort((a, b) => chain.headers.heightOf(a) - chain.headers.heightOf(b))) {
      const { transactions } = await requireBlock(node, id);
      const { spent } = await requireUndo(node, id);
      transactions.forEach((tx, i) => {
        activity.push(...eventsOf(node, { tx, spent: i === 0 ? [] : spent[i - 1]!, block: id }, scripts));
      });
    }
    if (args.boolean('include_mempool')) {
      for (const { tx } of [...node.mempool.entries()]) {
        const spentOutputs = await Promise.all(tx.inputs.map(({ prevout }) => outputOf(node, prevout)));
        // It may have left the pool meanwhile, with what it spends.
        if (spentOutputs.some(output => output === undefined)) continue;
        const spent = spentOutputs as TxOutput[];
        activity.push(...eventsOf(node, { tx, spent, block: undefined }, scripts));
      }
    }
    return { activity };
  },
};

interface Happened {
  readonly tx: Transaction;
  /** Of each input; none of a coinbase. */
  readonly spent: readonly TxOutput[];
  readonly block: HeaderId | undefined;
}

function eventsOf(
  { chain }: NodeFacade,
  { tx, spent, block }: Happened,
  scripts: ReadonlySet<string>,
): JsonOut[] {
  const { headers, params } = chain;
  const isWanted = ({ scriptPubKey }: TxOutput) => scripts.has(bytesToBinary(scriptPubKey));
  const head = (type: string, output: TxOutput) => ({
    type,
    amount: amount(exactValue(output)),
    blockhash: block === undefined ? undefined : hashToHex(headers.hashOf(block)),
    height: block === undefined ? undefined : headers.heightOf(block),
  });
  const events: JsonOut[] = [];
  spent.forEach((output, vin) => {
    if (!isWanted(output)) return;
    const { prevout } = tx.inputs[vin]!;
    events.push({
      ...head('spend', output),
      spend_txid: hashToHex(tx.txid),
      spend_vin: vin,
      prevout_txid: hashToHex(prevout.txid),
      prevout_vout: prevout.index,
      prevout_spk: scriptToJson(output.scriptPubKey, params),
    });
  });
  tx.outputs.forEach((output, vout) => {
    if (!isWanted(output)) return;
    events.push({
      ...head('receive', output),
      txid: hashToHex(tx.txid),
      vout,
      output_spk: scriptToJson(output.scriptPubKey, params),
    });
  });
  return events;
}

/** Of the chain, else of the mempool. */
async function outputOf({ coins, mempool }: NodeFacade, outPoint: OutPoint): Promise<TxOutput | undefined> {
  return (await coins.coin(outPoint)) ?? mempool.get(outPoint.txid)?.tx.outputs[outPoint.index];
}
