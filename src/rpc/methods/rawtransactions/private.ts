/** Transactions that are sent past the mempool, over connections of their own (Core: rpc/mempool.cpp). */
import { bytesToHex, type Hash256, hashToHex } from '../../../base/bytes.ts';
import { toUnixSeconds } from '../../../base/clock.ts';
import { addressText } from '../../../wire/net-address.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade, PrivateBroadcastAccess } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

const txFields = [
  res.hex('txid', 'the id of the transaction'),
  res.hex('wtxid', 'the hash with witnesses'),
  res.hex('hex', 'the encoded transaction'),
];

export const getprivatebroadcastinfo: RpcMethod<NodeFacade> = {
  name: 'getprivatebroadcastinfo',
  category: 'rawtransactions',
  description:
    'Tells about the transactions that are being broadcast privately. Only with -privatebroadcast.',
  params: [],
  results: [
    res.object('', '', [
      res.array('transactions', '', [
        res.object('', '', [
          ...txFields,
          res.time('time_added', 'when it was to be sent first, in UNIX epoch time'),
          res.array('peers', 'whom it was sent to', [
            res.object('', '', [
              res.string('address', 'the address of the peer'),
              res.time('sent', 'when it was chosen for this peer, in UNIX epoch time'),
              res.time('received?', 'when the peer answered that it came, in UNIX epoch time'),
            ]),
          ]),
        ]),
      ]),
    ]),
  ],
  examples: [[]],
  run({ network }) {
    const entries = accessOf(network.privateBroadcast).entries();
    return {
      transactions: entries.map(({ tx, addedAt, deliveries }) => ({
        ...txToJson(tx),
        time_added: toUnixSeconds(addedAt),
        peers: deliveries.map(({ address, sentAt, receivedAt }) => ({
          address: addressText(address),
          sent: toUnixSeconds(sentAt),
          ...(receivedAt !== undefined && { received: toUnixSeconds(receivedAt) }),
        })),
      })),
    };
  },
};

export const abortprivatebroadcast: RpcMethod<NodeFacade> = {
  name: 'abortprivatebroadcast',
  category: 'rawtransactions',
  description: 'Gives up to broadcast a transaction privately. Only with -privatebroadcast.',
  params: [
    {
      name: 'id',
      type: 'hex',
      doc: 'The id of the transaction, or its hash with witnesses. All that have it are given up.',
    },
  ],
  results: [res.object('', '', [res.array('removed_transactions', '', [res.object('', '', txFields)])])],
  examples: [['id']],
  run({ network }, args) {
    const access = accessOf(network.privateBroadcast);
    const removed = access.abort(args.hash<Hash256>('id'));
    if (removed.length === 0) {
      throw new RpcError(
        RpcCode.INVALID_ADDRESS_OR_KEY,
        'Transaction not in private broadcast queue. Check getprivatebroadcastinfo.',
      );
    }
    return { removed_transactions: removed.map(txToJson) };
  },
};

function accessOf(access: PrivateBroadcastAccess | undefined): PrivateBroadcastAccess {
  if (access !== undefined) return access;
  throw new RpcError(
    RpcCode.METHOD_NOT_FOUND,
    "Private broadcast is not enabled. Ensure you're running Bitcoin Core with -privatebroadcast=1.",
  );
}

function txToJson(tx: Transaction) {
  return { txid: hashToHex(tx.txid), wtxid: hashToHex(tx.wtxid), hex: bytesToHex(tx.raw) };
}
