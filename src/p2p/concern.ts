/**
 * The shape that all concerns of the gossip layer share. A concern decides one thing (handshake, headers sync, address
 * relay …), keeps its own state for each peer, and is told what happens by the manager, which only routes. What it wants
 * done goes into the outbox, what it wants to be woken for into the timers. Concerns are told in the order in which the
 * manager lists them.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ChainView, HeaderAcceptor } from '../chain/chain-view.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import type { MempoolNotice, MempoolView, PackageResult, TxResult } from '../mempool/mempool-view.ts';
import type { Command, MessageOf } from '../wire/messages.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { AddressBook } from './address-book.ts';
import type { AsMap } from './as-map.ts';
import type { Bans } from './bans.ts';
import type { FilterAnswer } from './events.ts';
import type { Outbox } from './outbox.ts';
import type { Peer, PeerTable } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';
import type { Penalties } from './penalty.ts';
import type { RelayStrategyOptions } from './relay-strategy.ts';
import type { Timers } from './timers.ts';
import type { Turn, Turns } from './turns.ts';
import type { UploadTarget } from './upload-target.ts';

/**
 * What concerns of a class do with messages: functions of the concern itself, so that thousands of simulated nodes share
 * one table. Several concerns may listen to one command; each takes its part (blocks or transactions of an `inv`).
 */
export type Handlers<Self> = {
  readonly [C in Command]?: (self: Self, peer: Peer, message: MessageOf<C>, now: Milliseconds) => void;
};

export interface Concern {
  /** Called only after the handshake, but for the handshake's own messages. */
  readonly handlers?: Handlers<never>;
  /** The connection stands; nothing is known of the peer but its address. */
  onConnected?(peer: Peer, now: Milliseconds): void;
  /** Its version is known and answered with our verack; its own verack is not here yet. */
  onVersion?(peer: Peer, now: Milliseconds): void;
  /** Its verack is here: from now on all messages flow. */
  onHandshakeDone?(peer: Peer, now: Milliseconds): void;
  /** The peer is no longer in the table. Its timers must be cleared and what it held given back. */
  onDisconnected?(peer: Peer, now: Milliseconds): void;
  /** The peer's open operation has ended and no other was begun: one may be begun now (see `Outbox.isBusy`). */
  onIdle?(peer: Peer, now: Milliseconds): void;
  /** At the end of an event in which `turn` was asked for: the place to act once on all that it changed. */
  onSettled?(now: Milliseconds): void;
  /** With `onSettled`. */
  readonly turn?: Turn;
  onChain?(notice: ChainNotice, now: Milliseconds): void;
  onMempool?(notice: MempoolNotice, now: Milliseconds): void;
  /** `peer` undefined: it has left meanwhile. */
  onBlockProcessed?(peer: Peer | undefined, hash: BlockHash, result: BlockResult, now: Milliseconds): void;
  onBlockRead?(peer: Peer, hash: BlockHash, raw: Uint8Array | undefined, now: Milliseconds): void;
  onFiltersRead?(peer: Peer, answer: FilterAnswer | undefined, now: Milliseconds): void;
  onTxProcessed?(peer: Peer | undefined, tx: Transaction, result: TxResult, now: Milliseconds): void;
  onPackageProcessed?(
    peer: Peer | undefined,
    txs: readonly Transaction[],
    result: PackageResult,
    now: Milliseconds,
  ): void;
  onTxTested?(tx: Transaction, isAcceptable: boolean, now: Milliseconds): void;
  onConnectFailed?(attempt: number, reason: string, now: Milliseconds): void;
  onNamesResolved?(host: string, addresses: readonly NetAddress[], now: Milliseconds): void;
  /** Its part of what `getpeerinfo` shows. */
  describe?(peer: Peer, now: Milliseconds): Partial<PeerInfo>;
}

/** What each concern is built from: `constructor(context, …others it works with)`. */
export interface P2pContext {
  readonly chain: ChainView & HeaderAcceptor;
  readonly mempool: MempoolView;
  readonly random: Random;
  readonly log: Log;
  readonly options: P2pOptions;
  readonly outbox: Outbox;
  readonly timers: Timers;
  readonly turns: Turns;
  readonly peers: PeerTable;
  /** Connections for private broadcast: not among `peers`. */
  readonly privatePeers: PeerTable;
  readonly penalties: Penalties;
  readonly bans: Bans;
  readonly addressBook: AddressBook;
  readonly upload: UploadTarget;
}

/** What more than one concern reads. Options of one concern alone are declared beside it. */
export interface P2pOptions {
  /** Which peers are told of new transactions; absent: `flood`, as Core. */
  readonly relayStrategy?: RelayStrategyOptions;
  /** As `version` carries it: `/Name:1.2.3/`. */
  readonly userAgent: string;
  /** What we offer (SERVICES). */
  readonly services: bigint;
  /** `-blocksonly`: no transactions are taken or announced. */
  readonly blocksOnly: boolean;
  /** `-txreconciliation`: BIP330 is offered. Absent: it is not. */
  readonly txReconciliation?: boolean;
  /** `--private-network`: loopback counts as routable for addresses and netgroups; gossip is quick. */
  readonly privateNetwork: boolean;
  /** `-asmap`; absent: groups of addresses are by their leading bits. */
  readonly asMap?: AsMap;
  /** Chains with less are not believed to be the whole one (`-minimumchainwork`, else the network's). */
  readonly minimumChainWork: bigint;
  /** `-peertimeout`: for the handshake, and before silence counts. */
  readonly peerTimeoutMs: Milliseconds;
}
