/** Does what RPC asks of the gossip layer (commands.ts; Core: src/rpc/net.cpp). */
import { unreachable } from '../base/assert.ts';
import { type Milliseconds, toUnixSeconds } from '../base/clock.ts';
import { SERVICES } from '../wire/messages.ts';
import { addressText, type NetAddress, type TimedAddress } from '../wire/net-address.ts';
import { type Subnet, subnetContains } from '../wire/subnet.ts';
import type { AddressRelay } from './address-relay.ts';
import type { BlockDownload } from './block-download.ts';
import { type P2pCommand, P2pCommandError, type P2pCommandResults } from './commands.ts';
import type { P2pContext } from './concern.ts';
import { slotCounts } from './connection-plan.ts';
import type { PeerId } from './events.ts';
import { type Peer, servesWitnesses } from './peer.ts';
import type { Ping } from './ping.ts';
import type { PrivateBroadcast } from './private-broadcast.ts';
import type { Slots } from './slots.ts';
import type { TxRelay } from './tx-relay.ts';

export interface CommandOptions {
  readonly maxConnections: number;
  /** `-bantime`. */
  readonly banTimeS: number;
}

/** Those that commands are for. */
interface CommandedConcerns {
  readonly addressRelay: AddressRelay;
  readonly slots: Slots;
  readonly ping: Ping;
  readonly download: BlockDownload;
  readonly txRelay: TxRelay;
  readonly privateBroadcast: PrivateBroadcast;
}

export class CommandRunner {
  readonly #context: P2pContext;
  readonly #concerns: CommandedConcerns;
  readonly #options: CommandOptions;

  constructor(context: P2pContext, concerns: CommandedConcerns, options: CommandOptions) {
    this.#context = context;
    this.#concerns = concerns;
    this.#options = options;
  }

  /** Throws P2pCommandError. */
  run(command: P2pCommand, now: Milliseconds): P2pCommandResults[keyof P2pCommandResults] | undefined {
    const { bans, mempool, outbox } = this.#context;
    const { ping, slots, privateBroadcast, txRelay } = this.#concerns;
    switch (command.kind) {
      case 'addNode':
        if (slots.addNode(command.target, now, command.transport)) return undefined;
        throw new P2pCommandError('already-added', 'Error: Node already added');
      case 'removeNode':
        if (slots.removeNode(command.target)) return undefined;
        throw new P2pCommandError(
          'not-added',
          'Error: Node could not be removed. It has not been added previously.',
        );
      case 'connectOnce':
        slots.dialOnce(command.target, 'manual', command.transport);
        return undefined;
      case 'addedNodes':
        return slots.addedNodes();
      case 'addConnection':
        return this.#addConnection(command);
      case 'disconnect':
        this.#disconnect(command.peer);
        return undefined;
      case 'ping':
        ping.pingAll(now);
        return undefined;
      case 'ban':
        this.#ban(command.subnet, command.until, now);
        return undefined;
      case 'unban':
        if (!bans.unban(command.subnet))
          throw new P2pCommandError(
            'invalid-subnet',
            'Error: Unban failed. Requested address/subnet was not previously manually banned.',
          );
        outbox.emit({ kind: 'saveBans' });
        return undefined;
      case 'clearBans':
        bans.clear();
        outbox.emit({ kind: 'saveBans' });
        return undefined;
      case 'bans':
        return bans.list(now);
      case 'addOwnAddress':
        this.#concerns.addressRelay.ownAddresses.add(command.address, command.score);
        slots.addOwnAddress(command.address);
        return undefined;
      case 'removeOwnAddress':
        this.#concerns.addressRelay.ownAddresses.remove(command.address);
        slots.removeOwnAddress(command.address);
        return undefined;
      case 'setNetworkActive':
        slots.setNetworkActive(command.active, now);
        return undefined;
      case 'addAddress':
        return this.#addAddress(command.address, command.table, now);
      case 'fetchBlock':
        this.#fetchBlock(command, now);
        return undefined;
      case 'announceTx': {
        const entry = mempool.get(command.txid);
        if (entry !== undefined) txRelay.announce(entry, now);
        return undefined;
      }
      case 'privateBroadcast':
        return privateBroadcast.add(command.tx, now);
      case 'abortPrivateBroadcast':
        return privateBroadcast.abort(command.id);
      case 'privateTransactions':
        return privateBroadcast.entries();
      default:
        return unreachable(command);
    }
  }

  #addConnection({
    target,
    type,
    transport,
  }: Extract<P2pCommand, { readonly kind: 'addConnection' }>): number {
    const counts = slotCounts(this.#options.maxConnections, this.#context.options.relayStrategy);
    const limit = { 'outbound-full-relay': counts.fullRelay, 'block-relay-only': counts.blockRelay, feeler: Infinity, 'addr-fetch': Infinity }[type]; // biome-ignore format: a table
    const count = [...this.#context.peers.values()].filter(peer => peer.type === type).length;
    if (count >= limit)
      throw new P2pCommandError(
        'capacity-reached',
        'Error: Already at capacity for specified connection type.',
      );
    return this.#concerns.slots.dialOnce(target, type, transport).attempt;
  }

  #disconnect(wanted: PeerId | string): void {
    const { outbox } = this.#context;
    const peers = new Map([...this.#context.peers, ...this.#context.privatePeers]);
    const peer =
      typeof wanted === 'number'
        ? peers.get(wanted)
        : [...peers.values()].find(each => addressText(each.address) === wanted);
    if (peer === undefined) throw new P2pCommandError('not-connected', 'Node not found in connected nodes');
    outbox.disconnect(peer, 'disconnectnode was called');
  }

  #ban(subnet: Subnet, until: number | undefined, now: Milliseconds): void {
    const { bans, outbox, peers, privatePeers } = this.#context;
    const isSingle = subnet.prefixBits === subnet.address.bytes.length * 8;
    // A single address may be covered by a larger ban; a range counts only if it was banned as such.
    if (isSingle ? bans.isBanned(subnet.address, now) : bans.has(subnet, now))
      throw new P2pCommandError('already-added', 'Error: IP/Subnet already banned');
    bans.ban(subnet, until ?? toUnixSeconds(now) + this.#options.banTimeS, now);
    outbox.emit({ kind: 'saveBans' });
    for (const peer of [...peers.values(), ...privatePeers.values()])
      if (subnetContains(subnet, peer.address)) outbox.disconnect(peer, 'banned');
  }

  #addAddress(
    address: NetAddress,
    table: 'new' | 'tried',
    now: Milliseconds,
  ): P2pCommandResults['addAddress'] {
    const { addressBook } = this.#context;
    const services = SERVICES.network | SERVICES.witness;
    const timed: TimedAddress = { ...address, services, time: toUnixSeconds(now) };
    if (addressBook.add([timed], address, now) === 0) return 'failed-adding-to-new';
    this.#concerns.slots.addressesAdded();
    if (table === 'tried' && !addressBook.good(address, now)) return 'failed-adding-to-tried';
    return 'added';
  }

  #fetchBlock({ peer: id, id: block }: Extract<P2pCommand, { kind: 'fetchBlock' }>, now: Milliseconds): void {
    const peer: Peer | undefined = this.#context.peers.get(id);
    if (peer === undefined) throw new P2pCommandError('misc', 'Peer does not exist');
    if (!servesWitnesses(peer)) throw new P2pCommandError('misc', 'Pre-SegWit peer');
    if (peer.phase !== 'ready') throw new P2pCommandError('misc', 'Peer not fully connected');
    if (!this.#concerns.download.fetchFrom(peer, block, now))
      throw new P2pCommandError('misc', 'Already requested from this peer');
  }
}
