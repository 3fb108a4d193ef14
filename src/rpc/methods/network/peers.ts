/** Peers one by one (Core: rpc/net.cpp). */
import { hexToBytes, isHex } from '../../../base/bytes.ts';
import { SECOND_MS, toUnixSeconds } from '../../../base/clock.ts';
import { addressText } from '../../../wire/net-address.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount, JsonNumber, JsonObject, type JsonOut } from '../../json.ts';
import { formatNumber } from '../../json-write.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade, PeerInfo } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { serviceNames, servicesText } from '../../services-text.ts';

/** Bytes of a message's type (Core: CMessageHeader::MESSAGE_TYPE_SIZE). */
const COMMAND_BYTES = 12;

export const getpeerinfo: RpcMethod<NodeFacade> = {
  name: 'getpeerinfo',
  category: 'network',
  description: 'Tells about each peer.',
  params: [],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.number('id', 'the number of the peer'),
        res.string('addr', 'its address (host:port)'),
        res.string('addrbind?', 'our end of the connection (ip:port)'),
        res.string('addrlocal?', 'how the peer sees us (ip:port)'),
        res.string('network', 'its network (ipv4, ipv6, onion, i2p, cjdns, not_publicly_routable)'),
        res.number('mapped_as?', 'its autonomous system, by the map of -asmap'),
        res.hex('services', 'the services it offers'),
        res.array('servicesnames', 'their names', [res.string('SERVICE_NAME', 'a name')]),
        res.boolean('relaytxes', 'whether we send it transactions'),
        res.number('last_inv_sequence', 'the sequence number of the mempool at our last announcement'),
        res.number('inv_to_send', 'how many transactions wait to be announced to it'),
        res.time('lastsend', 'when something was last sent, in UNIX epoch time'),
        res.time('lastrecv', 'when something was last received, in UNIX epoch time'),
        res.time('last_transaction', 'when it last sent a valid transaction, in UNIX epoch time'),
        res.time('last_block', 'when it last sent a block, in UNIX epoch time'),
        res.number('bytessent', 'bytes sent'),
        res.number('bytesrecv', 'bytes received'),
        res.time('conntime', 'when it was connected, in UNIX epoch time'),
        res.number('timeoffset', 'seconds between its clock and ours'),
        res.number('pingtime?', 'seconds that the last ping took'),
        res.number('minping?', 'seconds that the fastest ping took'),
        res.number('pingwait?', 'seconds that a ping has been waiting'),
        res.number('version', 'its version of the protocol'),
        res.string('subver', 'how it calls itself'),
        res.boolean('inbound', 'whether it made the connection'),
        res.boolean('bip152_hb_to', 'whether we chose it for compact blocks of high bandwidth'),
        res.boolean('bip152_hb_from', 'whether it chose us'),
        res.number('presynced_headers', 'height of headers proven to have work, -1 if none are being proven'),
        res.number('synced_headers', 'height of the last header in common'),
        res.number('synced_blocks', 'height of the last block in common'),
        res.array('inflight', '', [res.number('n', 'height of a block that we are asking it for')]),
        res.boolean('addr_relay_enabled', 'whether addresses are exchanged with it'),
        res.number('addr_processed', 'addresses taken from it'),
        res.number('addr_rate_limited', 'addresses dropped because they were too many'),
        res.array('permissions', 'what it may do more than others', [res.string('permission_type', '')]),
        res.number('minfeefilter', 'the least fee rate that it wants, in BTC/kvB'),
        res.userKeys('bytessent_per_msg', '', [res.number('msg', 'bytes sent of this message')]),
        res.userKeys('bytesrecv_per_msg', '', [
          res.number('msg', 'bytes received of this message, *other* for unknown ones'),
        ]),
        res.string('connection_type', 'what the connection is for'),
        res.string('transport_protocol_type', 'detecting, v1 or v2'),
        res.string('session_id', 'the id of the encrypted session, or empty'),
      ]),
    ]),
  ],
  examples: [[]],
  run: ({ network }) => network.peers().map(peer => peerToJson(peer, network.mappedAs(peer.address))),
};

function peerToJson(peer: PeerInfo, mappedAs: number): JsonOut {
  return {
    id: peer.id,
    addr: peer.name,
    addrbind: peer.localAddress && addressText(peer.localAddress),
    addrlocal: peer.seenAs && addressText(peer.seenAs),
    network: peer.network,
    mapped_as: mappedAs || undefined,
    services: servicesText(peer.services),
    servicesnames: serviceNames(peer.services),
    relaytxes: peer.relaysTxs,
    last_inv_sequence: peer.lastInvSequence,
    inv_to_send: peer.invToSend,
    lastsend: toUnixSeconds(peer.lastSend),
    lastrecv: toUnixSeconds(peer.lastReceive),
    last_transaction: toUnixSeconds(peer.lastTransaction),
    last_block: toUnixSeconds(peer.lastBlock),
    bytessent: peer.bytesSent,
    bytesrecv: peer.bytesReceived,
    conntime: toUnixSeconds(peer.connectedAt),
    timeoffset: peer.timeOffsetS,
    pingtime: seconds(peer.pingMs),
    minping: seconds(peer.minPingMs),
    pingwait: seconds(peer.pingWaitMs),
    version: peer.version,
    subver: peer.userAgent,
    inbound: peer.type === 'inbound',
    bip152_hb_to: peer.highBandwidthTo,
    bip152_hb_from: peer.highBandwidthFrom,
    presynced_headers: peer.presyncedHeaders,
    synced_headers: peer.syncedHeaders,
    synced_blocks: peer.syncedBlocks,
    inflight: peer.inflightHeights,
    addr_relay_enabled: peer.relaysAddresses,
    addr_processed: peer.addressesProcessed,
    addr_rate_limited: peer.addressesRateLimited,
    permissions: peer.permissions,
    minfeefilter: amount(peer.minFeeFilter),
    bytessent_per_msg: byMessage(peer.bytesSentPerMessage),
    bytesrecv_per_msg: byMessage(peer.bytesReceivedPerMessage),
    connection_type: peer.type,
    transport_protocol_type: peer.transport,
    session_id: peer.sessionId,
  };
}

/** Pings of less than a microsecond do not exist: a steady clock told the time. */
function seconds(ms: number | undefined): JsonNumber | undefined {
  return ms === undefined ? undefined : new JsonNumber(formatNumber(ms / SECOND_MS));
}

function byMessage(bytes: ReadonlyMap<string, number>): JsonObject {
  return new JsonObject([...bytes].filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const ping: RpcMethod<NodeFacade> = {
  name: 'ping',
  category: 'network',
  description:
    'Sends a ping to all peers. How long each took is told by getpeerinfo.\n' +
    'Peers answer in turn with everything else, so it measures their backlog, not only the network.',
  params: [],
  results: [res.null('', '')],
  examples: [[]],
  run({ network }) {
    network.pingAll();
    return null;
  },
};

export const disconnectnode: RpcMethod<NodeFacade> = {
  name: 'disconnectnode',
  category: 'network',
  description:
    "Disconnects from a peer at once, which either 'address' or 'nodeid' names, not both.\n\n" +
    'To name it by nodeid, leave address empty or use the named argument.',
  params: [
    {
      name: 'address',
      type: 'string',
      defaultHint: 'fallback to nodeid',
      doc: 'The address and port of the peer',
    },
    {
      name: 'nodeid',
      type: 'number',
      defaultHint: 'fallback to address',
      doc: 'The number of the peer (see getpeerinfo)',
    },
  ],
  results: [res.null('', '')],
  examples: [['192.168.0.6:8333'], ['', 1]],
  run({ network }, args) {
    const name = args.optionalString('address');
    const id = args.optionalInteger('nodeid', 'i64');
    if (id === undefined ? name === undefined : name !== undefined && name !== '') {
      throw new RpcError(RpcCode.INVALID_PARAMS, 'Only one of address and nodeid should be provided.');
    }
    if (!network.disconnect(id === undefined ? { name: name! } : { id })) {
      throw new RpcError(RpcCode.CLIENT_NODE_NOT_CONNECTED, 'Node not found in connected nodes');
    }
    return null;
  },
};

export const sendmsgtopeer: RpcMethod<NodeFacade> = {
  name: 'sendmsgtopeer',
  category: 'hidden',
  description: 'Sends a message to a peer as it is given; the header is added. For tests only.',
  params: [
    { name: 'peer_id', type: 'number', doc: 'The number of the peer' },
    { name: 'msg_type', type: 'string', doc: `The type of the message, of ${COMMAND_BYTES} bytes at most` },
    { name: 'msg', type: 'hex', doc: 'The message without its header' },
  ],
  results: [res.object('', '', [])],
  examples: [[0, 'addr', 'ffffff']],
  run({ network }, args) {
    const peer = args.integer('peer_id', 'i64');
    const command = args.string('msg_type');
    if (Buffer.byteLength(command) > COMMAND_BYTES) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        `Error: msg_type too long, max length is ${COMMAND_BYTES}`,
      );
    }
    const hex = args.string('msg');
    if (!isHex(hex)) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Error parsing input for msg');
    if (!network.sendMessage(peer, command, hexToBytes(hex))) {
      throw new RpcError(RpcCode.MISC_ERROR, 'Error: Could not send message to peer');
    }
    return {};
  },
};
