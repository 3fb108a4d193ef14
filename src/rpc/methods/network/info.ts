/** The network as a whole (Core: rpc/net.cpp). */
import { hostText } from '../../../wire/net-address.ts';
import { amount } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { NETWORK_NAMES, serviceNames, servicesText } from '../../services-text.ts';
import { warningsDoc } from '../blockchain/chain-info.ts';

/** How long the accounting of an upload target lasts (Core: MAX_UPLOAD_TIMEFRAME). */
const UPLOAD_TIMEFRAME_S = 86_400;

export const getnetworkinfo: RpcMethod<NodeFacade> = {
  name: 'getnetworkinfo',
  category: 'network',
  description: 'Tells the state of the network side of the node.',
  params: [],
  results: [
    res.object('', '', [
      res.number('version', 'the version of the node'),
      res.string('subversion', 'how the node calls itself to peers'),
      res.number('protocolversion', 'the version of the protocol'),
      res.hex('localservices', 'the services that the node offers'),
      res.array('localservicesnames', 'their names', [res.string('SERVICE_NAME', 'a name')]),
      res.boolean('localrelay', 'whether peers are asked for transactions'),
      res.number('timeoffset', 'seconds between peers’ clocks and ours'),
      res.boolean('networkactive', 'whether there are connections at all'),
      res.number('connections', 'the number of connections'),
      res.number('connections_in', 'those that peers made'),
      res.number('connections_out', 'those that we made'),
      res.array('networks', 'by network', [
        res.object('', '', [
          res.string('name', `the network (${NETWORK_NAMES.join(', ')})`),
          res.boolean('limited', 'whether it is excluded'),
          res.boolean('reachable', 'whether it can be reached'),
          res.string('proxy', 'the proxy used, or empty'),
          res.boolean('proxy_randomize_credentials', 'whether each connection has its own credentials there'),
        ]),
      ]),
      res.number('relayfee', 'the least fee rate that is relayed, in BTC/kvB'),
      res.number('incrementalfee', 'the least raise of a fee rate in a replacement, in BTC/kvB'),
      res.array('localaddresses', 'our own addresses', [
        res.object('', '', [
          res.string('address', 'the address'),
          res.number('port', 'the port'),
          res.number('score', 'how sure we are'),
        ]),
      ]),
      warningsDoc,
    ]),
  ],
  examples: [[]],
  run({ network, process, pool }) {
    const peers = network.peers();
    const inbound = peers.filter(peer => peer.type === 'inbound').length;
    return {
      version: process.version,
      subversion: network.userAgent,
      protocolversion: network.protocolVersion,
      localservices: servicesText(network.localServices),
      localservicesnames: serviceNames(network.localServices),
      localrelay: network.relaysTxs,
      timeoffset: network.timeOffsetS,
      networkactive: network.isActive,
      connections: peers.length,
      connections_in: inbound,
      connections_out: peers.length - inbound,
      networks: NETWORK_NAMES.map(name => {
        const proxy = network.proxyOf(name);
        return {
          name,
          limited: !network.reachable.has(name),
          reachable: network.reachable.has(name),
          proxy: proxy?.text ?? '',
          proxy_randomize_credentials: proxy?.randomizesCredentials ?? false,
        };
      }),
      relayfee: amount(pool.options.minRelayFeeRate),
      incrementalfee: amount(pool.options.incrementalRelayFeeRate),
      localaddresses: network.localAddresses().map(({ address, score }) => ({
        address: hostText(address),
        port: address.port,
        score,
      })),
      warnings: process.warnings,
    };
  },
};

export const getconnectioncount: RpcMethod<NodeFacade> = {
  name: 'getconnectioncount',
  category: 'network',
  description: 'Counts the connections to other nodes.',
  params: [],
  results: [res.number('', 'the number of connections')],
  examples: [[]],
  run: ({ network }) => network.peers().length,
};

export const getnettotals: RpcMethod<NodeFacade> = {
  name: 'getnettotals',
  category: 'network',
  description: 'Counts the bytes that went over the network, and tells the time.',
  params: [],
  results: [
    res.object('', '', [
      res.number('totalbytesrecv', 'bytes received'),
      res.number('totalbytessent', 'bytes sent'),
      res.time('timemillis', 'the time now in milliseconds of UNIX epoch time'),
      res.object('uploadtarget', '', [
        res.number('timeframe', 'seconds over which uploads are counted'),
        res.number('target', 'bytes at most in that time, 0 without limit'),
        res.boolean('target_reached', 'whether it is reached'),
        res.boolean('serve_historical_blocks', 'whether old blocks are served'),
        res.number('bytes_left_in_cycle', 'bytes left'),
        res.number('time_left_in_cycle', 'seconds left'),
      ]),
    ]),
  ],
  examples: [[]],
  run({ network, clock }) {
    const { received, sent } = network.totals();
    const upload = network.uploadTarget();
    return {
      totalbytesrecv: received,
      totalbytessent: sent,
      timemillis: clock.systemNow(),
      uploadtarget: {
        timeframe: UPLOAD_TIMEFRAME_S,
        target: upload.limit,
        target_reached: upload.isReached,
        serve_historical_blocks: upload.servesHistoricalBlocks,
        bytes_left_in_cycle: upload.bytesLeft,
        time_left_in_cycle: upload.timeLeftS,
      },
    };
  },
};

export const setnetworkactive: RpcMethod<NodeFacade> = {
  name: 'setnetworkactive',
  category: 'network',
  description: 'Switches all connections off or lets them be made again.',
  params: [{ name: 'state', type: 'boolean', doc: 'true for connections, false for none' }],
  results: [res.boolean('', 'the state as it is now')],
  examples: [[true]],
  run({ network }, args) {
    network.setActive(args.boolean('state'));
    return network.isActive;
  },
};
