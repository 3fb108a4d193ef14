/** Transactions that wait for their parents (Core: rpc/mempool.cpp). */
import { bytesToHex, hashToHex } from '../../../base/bytes.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { ResultDoc, RpcMethod } from '../../method.ts';
import type { NodeFacade, OrphanInfo } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';

const orphanFields: readonly ResultDoc[] = [
  res.hex('txid', 'the id of the transaction'),
  res.hex('wtxid', 'the hash with witnesses'),
  res.number('bytes', 'its bytes'),
  res.number('vsize', 'its virtual bytes (BIP141)'),
  res.number('weight', 'its weight (BIP141)'),
  res.array('from', 'who announced it', [res.number('peer_id', 'the number of a peer')]),
];

export const getorphantxs: RpcMethod<NodeFacade> = {
  name: 'getorphantxs',
  category: 'hidden',
  description: 'Lists the transactions whose parents are not known.',
  params: [
    {
      name: 'verbosity',
      type: 'number',
      default: 0,
      skipTypeCheck: true,
      doc: '0 for ids, 1 for objects, 2 for objects with the encoded transaction',
    },
  ],
  results: [
    when('for verbosity = 0', res.array('', '', [res.hex('txid', 'the id of a transaction')])),
    when('for verbosity = 1', res.array('', '', [res.object('', '', orphanFields)])),
    when(
      'for verbosity = 2',
      res.array('', '', [res.object('', '', [...orphanFields, res.hex('hex', 'the encoded transaction')])]),
    ),
  ],
  examples: [[2]],
  run({ network }, args) {
    const verbosity = args.verbosity('verbosity', { fallback: 0, booleans: 'refused' });
    const orphans = network.orphans();
    if (verbosity === 0) return orphans.map(({ tx }) => hashToHex(tx.txid));
    if (verbosity === 1) return orphans.map(orphanToJson);
    if (verbosity === 2)
      return orphans.map(orphan => ({ ...orphanToJson(orphan), hex: bytesToHex(orphan.tx.raw) }));
    throw new RpcError(RpcCode.INVALID_PARAMETER, `Invalid verbosity value ${verbosity}`);
  },
};

function orphanToJson({ tx, announcers }: OrphanInfo): { readonly [name: string]: JsonOut } {
  return {
    txid: hashToHex(tx.txid),
    wtxid: hashToHex(tx.wtxid),
    bytes: tx.size,
    vsize: tx.virtualSize,
    weight: tx.weight,
    from: announcers,
  };
}
