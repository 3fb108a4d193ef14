/** Looking through blocks again for transactions of a wallet (Core: wallet/rpc/transactions.cpp). */
import { RpcCode, RpcError } from '../../codes.ts';
import { res } from '../../result-doc.ts';
import { requireNoScan, requireUnlocked, walletMethod } from './common.ts';

export const rescanblockchain = walletMethod({
  name: 'rescanblockchain',
  description:
    'Looks through blocks again for transactions of the wallet.\ngetwalletinfo shows how far it is.',
  params: [
    { name: 'start_height', type: 'number', default: 0, doc: 'The first block' },
    { name: 'stop_height', type: 'number', optional: true, doc: 'The last block; left out: the tip.' },
  ],
  results: [
    res.object('', '', [
      res.number('start_height', 'the first block'),
      res.number('stop_height', 'the last block; null when there was none'),
    ]),
  ],
  examples: [[100000, 120000]],
  runs: 'freely',
  async run(wallet, args, host) {
    requireNoScan(host, wallet);
    requireUnlocked(wallet);
    const tip = wallet.position.height;
    const start = args.integer('start_height');
    if (start < 0 || start > tip) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid start_height');
    const stop = args.optionalInteger('stop_height');
    if (stop !== undefined) {
      if (stop < 0 || stop > tip) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid stop_height');
      if (stop < start) {
        throw new RpcError(RpcCode.INVALID_PARAMETER, 'stop_height must be greater than start_height');
      }
    }
    const result = await host.rescan(wallet, start, stop);
    if (result.status === 'aborted') throw new RpcError(RpcCode.MISC_ERROR, 'Rescan aborted.');
    if (result.status === 'missingBlock') {
      throw new RpcError(
        RpcCode.MISC_ERROR,
        host.node.chain.history() === undefined
          ? "Can't rescan beyond pruned data. Use RPC call getblockchaininfo to determine your pruned height."
          : 'Failed to rescan unavailable blocks likely due to an in-progress assumeutxo background sync. Check logs or getchainstates RPC for assumeutxo background sync progress and try again later.',
      );
    }
    return { start_height: start, stop_height: result.lastHeight ?? null };
  },
});

export const abortrescan = walletMethod({
  name: 'abortrescan',
  description: 'Ends the scan that another call has started.',
  params: [],
  results: [res.boolean('', 'whether there was one')],
  examples: [[]],
  runs: 'freely',
  run: (wallet, _, host) => host.abortScan(wallet),
});
