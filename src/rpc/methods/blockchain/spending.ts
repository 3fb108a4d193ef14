/** What spends an output: in the mempool and, with an index, in the chain (Core: rpc/mempool.cpp gettxspendingprevout). */
import { bytesToHex, hashToHex, type Txid } from '../../../base/bytes.ts';
import type { OutPoint, Transaction } from '../../../wire/transaction.ts';
import { checkFields, toHash } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType, type JsonOut, type JsonValue, type ParsedObject, toInteger } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

const EXAMPLE = { txid: 'a08e6907dbbd3d809776dbfc5d82e371b764ed838b5655e72f463568df1aadf0', vout: 3 };

export const gettxspendingprevout: RpcMethod<NodeFacade> = {
  name: 'gettxspendingprevout',
  category: 'blockchain',
  description:
    'Finds the transactions that spend given outputs: in the mempool and, with txospenderindex, in the chain.',
  params: [
    {
      name: 'outputs',
      type: 'array',
      doc: 'The outputs to look for.',
      fields: [
        {
          name: '',
          type: 'object',
          optional: true,
          fields: [
            { name: 'txid', type: 'hex', doc: 'The id of the transaction' },
            { name: 'vout', type: 'number', doc: 'The number of the output' },
          ],
        },
      ],
    },
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      fields: [
        {
          name: 'mempool_only',
          type: 'boolean',
          defaultHint: 'true if txospenderindex unavailable, otherwise false',
          doc: 'If false, txospenderindex is asked for what the mempool does not know; it must be there then.',
        },
        {
          name: 'return_spending_tx',
          type: 'boolean',
          defaultHint: 'false',
          doc: 'Whether to give the spending transaction too.',
        },
      ],
    },
  ],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.hex('txid', 'the id of the transaction with the output'),
        res.number('vout', 'the number of the output'),
        res.hex('spendingtxid?', 'the id of the transaction that spends it, if there is one'),
        res.hex('spendingtx?', 'that transaction, if it was asked for'),
        res.hex('blockhash?', 'the hash of its block, if it is in one'),
      ]),
    ]),
  ],
  examples: [[[EXAMPLE]]],
  async run({ mempool, indexes, chain }, args) {
    const outputs = args.array('outputs');
    if (outputs.length === 0) invalid('Invalid parameter, outputs are missing');
    if (args.has('options')) {
      checkFields(args.object('options'), { mempool_only: 'bool', return_spending_tx: 'bool' }, {
        nulls: 'allowed',
        strict: true,
      }); // biome-ignore format: one call
    }
    const options = args.options('options');
    const { spenders } = indexes;
    const mempoolOnly = options.optionalBoolean('mempool_only') ?? spenders === undefined;
    const givesTx = options.optionalBoolean('return_spending_tx') ?? false;
    const show = ({ txid, index }: OutPoint, spender?: Transaction): { [name: string]: JsonOut } => ({
      txid: hashToHex(txid),
      vout: index,
      spendingtxid: spender && hashToHex(spender.txid),
      spendingtx: spender && givesTx ? bytesToHex(spender.raw) : undefined,
    });

    const result: JsonOut[] = [];
    const unresolved: OutPoint[] = [];
    for (const outPoint of outputs.map(readOutPoint)) {
      const spender = mempool.spenderOf(outPoint)?.tx;
      if (spender !== undefined || mempoolOnly) result.push(show(outPoint, spender));
      else unresolved.push(outPoint);
    }
    if (unresolved.length === 0) return result;
    if (spenders === undefined || !(await spenders.progress.caughtUp())) {
      throw new RpcError(
        RpcCode.MISC_ERROR,
        'Mempool lacks a relevant spend, and txospenderindex is unavailable.',
      );
    }
    for (const outPoint of unresolved) {
      const found = await spenders.find(outPoint);
      const blockhash = found && hashToHex(chain.headers.hashOf(found.block));
      result.push({ ...show(outPoint, found?.tx), blockhash });
    }
    return result;
  },
};

function readOutPoint(value: JsonValue): OutPoint {
  const object: ParsedObject = expectType(value, 'object');
  checkFields(object, { txid: 'string', vout: 'number' }, { strict: true });
  const txid = toHash<Txid>(object.get('txid'), 'txid');
  const index = toInteger(object.get('vout'));
  if (index < 0) invalid('Invalid parameter, vout cannot be negative');
  return { txid, index };
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
