/** Handing transactions to the mempool and the network (Core: rpc/mempool.cpp, node/transaction.cpp). */
import { hashToHex } from '../../../base/bytes.ts';
import { Reject } from '../../../consensus/reject.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import { RpcCode, RpcError, transactionError } from '../../codes.ts';
import { decodeHexTx } from '../../decode.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { maxBurnParam, maxFeeFor, maxFeeRateParam, refuseBurns, toFeeRate } from './fee-limits.ts';

export const sendrawtransaction: RpcMethod<NodeFacade> = {
  name: 'sendrawtransaction',
  category: 'rawtransactions',
  description:
    'Puts a transaction into the mempool of this node and sends it to all peers.\n\n' +
    'Peers learn from that where it comes from: nodes do not send on again what they already had.\n' +
    'With -privatebroadcast it enters no mempool here, but goes to some peers over Tor or I2P, on connections of its own.',
  params: [{ name: 'hexstring', type: 'hex', doc: 'The encoded transaction' }, maxFeeRateParam, maxBurnParam],
  results: [res.hex('', 'the id of the transaction')],
  examples: [['signedhex']],
  async run(node, args) {
    const maxBurn = args.amount('maxburnamount');
    const tx = decodeHexTx(args.string('hexstring'));
    if (tx === undefined) {
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        'TX decode failed. Make sure the tx has at least one input.',
      );
    }
    refuseBurns(tx, maxBurn);
    const maxFee = maxFeeFor(toFeeRate(args.get('maxfeerate')), tx.virtualSize);
    const isPrivate = node.network.privateBroadcast !== undefined;
    if (node.network.privateBroadcast?.isPossible === false)
      throw new RpcError(RpcCode.MISC_ERROR, UNREACHABLE);
    await refuseConfirmed(node, tx);
    if (isPrivate) {
      await sendPrivately(node, tx, maxFee);
      return hashToHex(tx.txid);
    }
    if (node.mempool.has(tx.txid)) {
      node.pool.announce(tx.txid);
      return hashToHex(tx.txid);
    }
    const result = await node.pool.submit(tx, { maxFee });
    if (result.status === 'rejected') {
      if (result.reject.reason === 'max-fee-exceeded') {
        throw new RpcError(RpcCode.VERIFY_ERROR, FEE_TOO_HIGH);
      }
      throw transactionError(result.reject);
    }
    return hashToHex(tx.txid);
  },
};

const UNREACHABLE =
  "-privatebroadcast is enabled, but none of the Tor or I2P networks is reachable. Maybe the location of the Tor proxy couldn't be retrieved from the Tor daemon at startup. Check whether the Tor daemon is running and that -torcontrol, -torpassword and -i2psam are configured properly.";
const FEE_TOO_HIGH = 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)';

/** The mempool is only asked; it learns of the transaction when that comes back from the network. */
async function sendPrivately(node: NodeFacade, tx: Transaction, maxFee: number | undefined): Promise<void> {
  if (!node.mempool.has(tx.txid)) {
    const [verdict] = (await node.pool.test([tx])).results;
    if (verdict instanceof Reject) throw transactionError(verdict);
    if (maxFee !== undefined && verdict !== undefined && verdict.fee > maxFee)
      throw new RpcError(RpcCode.VERIFY_ERROR, FEE_TOO_HIGH);
  }
  if (node.network.privateBroadcast!.add(tx) === 'full')
    throw new RpcError(RpcCode.LIMIT_EXCEEDED, 'Private broadcast queue is full');
}

/** Throws RpcError −27 when one of its outputs is unspent in the chain: then it is in a block. */
async function refuseConfirmed(node: NodeFacade, tx: Transaction): Promise<void> {
  const coins = await Promise.all(tx.outputs.map((_, index) => node.coins.coin({ txid: tx.txid, index })));
  if (coins.some(coin => coin !== undefined)) {
    throw new RpcError(RpcCode.VERIFY_ALREADY_IN_UTXO_SET, 'Transaction outputs already in utxo set');
  }
}
