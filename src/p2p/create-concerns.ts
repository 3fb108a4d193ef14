/**
 * Builds the concerns of the gossip layer, each with the others that it works with, and puts them into the order in which
 * they are told: what a later one reads, an earlier one has brought up to date.
 */
import { AddressRelay, type AddressRelayOptions } from './address-relay.ts';
import { BlockDownload } from './block-download.ts';
import { BlockKnowledge } from './block-knowledge.ts';
import { BlockRelay } from './block-relay.ts';
import { BlockRequests } from './block-requests.ts';
import { type CommandOptions, CommandRunner } from './command-runner.ts';
import { CompactBlocks } from './compact-blocks.ts';
import { CompactPeers } from './compact-peers.ts';
import type { Concern, P2pContext } from './concern.ts';
import { slotCounts } from './connection-plan.ts';
import { FeeFilters } from './fee-filter.ts';
import { FilterServe } from './filter-serve.ts';
import { Handshake, type HandshakeListener } from './handshake.ts';
import { HeadersSync } from './headers-sync.ts';
import { InboundSlots } from './inbound-slots.ts';
import { OutboundQuality } from './outbound-quality.ts';
import { PeerFilters } from './peer-filters.ts';
import { Ping } from './ping.ts';
import { PrivateBroadcast, type PrivateBroadcastOptions } from './private-broadcast.ts';
import { RecentBlock } from './recent-block.ts';
import { Reconciler } from './reconciler.ts';
import { createRelayStrategy, FLOOD } from './relay-strategy.ts';
import { Serve } from './serve.ts';
import { Slots, type SlotsOptions } from './slots.ts';
import { TxDownload } from './tx-download.ts';
import { TxRelay } from './tx-relay.ts';

export interface ConcernOptions
  extends SlotsOptions,
    AddressRelayOptions,
    PrivateBroadcastOptions,
    CommandOptions {}

export interface Concerns {
  /** In the order in which they are told. */
  readonly all: readonly Concern[];
  /** Nobody else shall speak, or think, of a peer for private broadcast. */
  readonly ofPrivatePeers: readonly Concern[];
  readonly commands: CommandRunner;
  // Those that are asked for something besides.
  readonly addressRelay: AddressRelay;
  readonly handshake: Handshake;
  readonly requests: BlockRequests;
  readonly slots: Slots;
  readonly txDownload: TxDownload;
}

export function createConcerns(
  context: P2pContext,
  options: ConcernOptions,
  listener: HandshakeListener,
): Concerns {
  const { relayStrategy } = context.options;
  const handshake = new Handshake(context, listener);
  const slots = new Slots(context, options);
  const ping = new Ping(context);
  const knowledge = new BlockKnowledge(context);
  const requests = new BlockRequests(context);
  const compactPeers = new CompactPeers(context);
  const recent = new RecentBlock(context, { knowledge, compactPeers });
  const download = new BlockDownload(context, { knowledge, requests, compactPeers });
  const headersSync = new HeadersSync(context, { knowledge, requests, download });
  const blocks = { knowledge, requests, download, headersSync, compactPeers };
  const relay = new BlockRelay(context, { ...blocks, recent });
  const feeFilters = new FeeFilters(context);
  const filters = new PeerFilters(context);
  const reconciler = new Reconciler(context, handshake.reconciliation);
  const strategy = createRelayStrategy(relayStrategy ?? FLOOD, {
    random: context.random,
    isTreeLink: peer => compactPeers.isAnnouncer(peer) || compactPeers.wantsAnnouncements(peer),
    reconcilesWith: peer => reconciler.reconcilesWith(peer),
  });
  const txRelay = new TxRelay(context, { filters, strategy });
  reconciler.useAnnouncer(txRelay);
  const txDownload = new TxDownload(context, txRelay);
  const privateBroadcast = new PrivateBroadcast(context, slots, options);
  const addressRelay = new AddressRelay(context, slots, options);
  const asked = { slots, ping, download, txRelay, privateBroadcast, addressRelay };
  return {
    all: [
      knowledge,
      requests,
      new InboundSlots(context, slotCounts(options.maxConnections, relayStrategy).inbound),
      slots,
      handshake,
      ping,
      addressRelay,
      compactPeers,
      recent,
      headersSync,
      new OutboundQuality(context, { knowledge, requests, download, headersSync, slots }),
      relay,
      new CompactBlocks(context, { ...blocks, relay, orphans: txDownload.orphans() }),
      download,
      feeFilters,
      filters,
      new Serve(context, { knowledge, download, recent, filters, txs: txRelay }),
      new FilterServe(context),
      reconciler,
      txRelay,
      txDownload,
      privateBroadcast,
    ],
    ofPrivatePeers: [slots, handshake, privateBroadcast],
    commands: new CommandRunner(context, asked, options),
    addressRelay,
    handshake,
    requests,
    slots,
    txDownload,
  };
}
