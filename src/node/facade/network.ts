/** What RPC sees and asks of the gossip layer. */

import { bytesToHex, EMPTY_BYTES } from '../../base/bytes.ts';
import { SECOND_MS } from '../../base/clock.ts';
import type { Chain } from '../../chain/chain.ts';
import { proxyText } from '../../net/proxies.ts';
import type { P2pCommand } from '../../p2p/commands.ts';
import { P2pCommandError } from '../../p2p/commands.ts';
import { PROTOCOL_VERSION } from '../../p2p/handshake.ts';
import { mappedAs } from '../../p2p/netgroup.ts';
import type { PeerInfo as GossipPeer } from '../../p2p/peer-info.ts';
import type { NetworkAccess, PeerInfo } from '../../rpc/node-facade.ts';
import { addressText, asCjdns } from '../../wire/net-address.ts';
import type { NodeClock } from '../clocks.ts';
import type { Gossip } from '../gossip.ts';
import { type NetworkOptions, parseTarget } from '../network-options.ts';

export function networkAccess(
  { chain, gossip, clock }: { readonly chain: Chain; readonly gossip: Gossip; readonly clock: NodeClock },
  networkOptions: NetworkOptions,
): NetworkAccess {
  const { manager: options } = networkOptions;
  const { manager, pump, book } = gossip;
  const { isCjdnsReachable } = networkOptions;
  const target = (text: string) => parseTarget(text, { defaultPort: options.defaultPort, isCjdnsReachable });
  /** False when the command is refused for the reason `expected`. */
  const tryCommand = (command: P2pCommand, expected: P2pCommandError['code']): boolean => {
    try {
      gossip.command(command);
      return true;
    } catch (error) {
      if (error instanceof P2pCommandError && error.code === expected) return false;
      throw error;
    }
  };
  return {
    protocolVersion: PROTOCOL_VERSION,
    userAgent: options.userAgent,
    get localServices() {
      return gossip.services;
    },
    relaysTxs: !options.blocksOnly,
    get isActive() {
      return manager.isNetworkActive;
    },
    get timeOffsetS() {
      return manager.timeOffsetS();
    },
    reachable: gossip.reachableNetworks,
    proxyOf: network => {
      const proxy = pump.transport.proxies[network];
      return proxy && { text: proxyText(proxy), randomizesCredentials: proxy.randomizesCredentials };
    },
    localAddresses: () => manager.ownAddresses(),
    peers: () => manager.peers(clock.now()).map(peer => completed(peer, gossip)),
    totals: () => ({ received: pump.transport.total.received, sent: pump.transport.total.sent }),
    uploadTarget: () => {
      const now = clock.now();
      const { upload } = gossip;
      return {
        limit: upload.limit,
        isReached: upload.isReached('all', now),
        servesHistoricalBlocks: !upload.isReached('historical', now),
        bytesLeft: upload.bytesLeft(),
        timeLeftS: upload.timeLeft(now) / SECOND_MS,
      };
    },
    connectOnce: (text, transport) =>
      void gossip.command({ kind: 'connectOnce', target: target(text), ...wish(transport) }),
    addNode: (text, transport) =>
      tryCommand({ kind: 'addNode', target: target(text), ...wish(transport) }, 'already-added'),
    removeNode: text => tryCommand({ kind: 'removeNode', target: target(text) }, 'not-added'),
    fetchBlock: (peer, id) => {
      if (chain.isImporting) return 'Loading blocks ...';
      try {
        gossip.command({ kind: 'fetchBlock', peer, id });
        return undefined;
      } catch (error) {
        if (error instanceof P2pCommandError) return error.message;
        throw error;
      }
    },
    addedNodes: () =>
      gossip.command({ kind: 'addedNodes' }).map(({ target: added }) => {
        const place = added.kind === 'name' ? `${added.host}:${added.port}` : addressText(added.address);
        return { node: (added.kind === 'address' && added.text) || place, place };
      }),
    async addConnection(address, type, transport) {
      try {
        const attempt = gossip.command({
          kind: 'addConnection',
          target: target(address),
          type,
          ...wish(transport),
        });
        return await pump.dialed(attempt);
      } catch (error) {
        if (error instanceof P2pCommandError && error.code === 'capacity-reached') return false;
        throw error;
      }
    },
    disconnect: peer =>
      tryCommand({ kind: 'disconnect', peer: 'id' in peer ? peer.id : peer.name }, 'not-connected'),
    sendMessage: (peer, command, payload) => pump.sendRaw(peer, command, payload),
    orphans: () => [...manager.orphans().entries()].sort((a, b) => (a.tx.wtxid < b.tx.wtxid ? -1 : 1)),
    placedAddresses: table => [...book.entries(table)],
    mappedAs: host => mappedAs(host, options),
    pingAll: () => void gossip.command({ kind: 'ping' }),
    setActive: active => void gossip.command({ kind: 'setNetworkActive', active }),
    addressCount(network, table) {
      if (network !== undefined) return book.countOf(network, table);
      return table === 'new' ? book.newCount : book.triedCount;
    },
    addresses: (count, network) =>
      book.addresses(clock.now(), { max: count, percent: 0, ...(network !== undefined && { network }) }),
    addAddress: (address, table) =>
      gossip.command({
        kind: 'addAddress',
        address: isCjdnsReachable ? asCjdns(address) : address,
        table,
      }),
    privateBroadcast: options.privateBroadcast
      ? {
          get isPossible() {
            return gossip.reachableNetworks.has('onion') || gossip.reachableNetworks.has('i2p');
          },
          add: tx => gossip.command({ kind: 'privateBroadcast', tx }),
          entries: () => gossip.command({ kind: 'privateTransactions' }),
          abort: id => gossip.command({ kind: 'abortPrivateBroadcast', id }),
        }
      : undefined,
    bans: () => gossip.command({ kind: 'bans' }),
    ban: (subnet, until) => void gossip.command({ kind: 'ban', subnet, until }),
    defaultBanTimeS: options.banTimeS,
    unban: subnet => tryCommand({ kind: 'unban', subnet }, 'invalid-subnet'),
    clearBans: () => void gossip.command({ kind: 'clearBans' }),
  };
}

function wish(transport: 'v1' | 'v2' | undefined): { transport?: 'v1' | 'v2' } {
  return transport === undefined ? {} : { transport };
}

/** With what the socket counts. */
function completed(peer: GossipPeer, { pump }: Gossip): PeerInfo {
  const connection = pump.transport.get(peer.id);
  const traffic = connection?.traffic;
  const none: ReadonlyMap<string, number> = new Map();
  const { network } = peer;
  return {
    ...peer,
    name: connection?.info.dialedName ?? addressText(peer.address),
    network: network === 'unroutable' || network === 'internal' ? 'not_publicly_routable' : network,
    bytesSent: traffic?.sent ?? 0,
    bytesReceived: traffic?.received ?? 0,
    bytesSentPerMessage: traffic?.sentByCommand ?? none,
    bytesReceivedPerMessage: traffic?.receivedByCommand ?? none,
    transport: connection?.transport.kind ?? 'v1',
    sessionId: bytesToHex(connection?.transport.sessionId ?? EMPTY_BYTES),
  };
}
