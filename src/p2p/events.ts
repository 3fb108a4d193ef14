/**
 * All that can happen to the gossip layer (`P2pEvent`) and all that it can ask for (`P2pEffect`). The manager takes one
 * event and the time, and returns effects in order; it never awaits. The daemon feeds it from sockets, the simulator
 * from its world.
 *
 * Order and back-pressure: a peer has at most one open operation (submitBlock, submitTx, submitPackage, readBlock). From that effect
 * until its completion event is handled, no further message of that peer is delivered, so a pong never overtakes the
 * validation of the block before it. Only blocks that we have asked for may follow each other closer (`mayOverlap`): while
 * all that is open of a peer are blocks, several may be with the chain, which decides on them in order.
 */
import type { BlockHash, Hash256, Txid } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import type { MempoolNotice, PackageResult, TxResult } from '../mempool/mempool-view.ts';
import type { Block } from '../wire/block.ts';
import type { FrameDefect } from '../wire/frame.ts';
import type { Message } from '../wire/messages.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { TransportKind } from '../wire/transport.ts';

/** Given by the shell when a connection stands; ascending from 0, never used twice. */
export type PeerId = number;

/** Core's names, as `getpeerinfo` shows them. */
export type ConnectionType =
  | 'inbound'
  | 'outbound-full-relay'
  | 'block-relay-only'
  | 'manual'
  | 'feeler'
  | 'addr-fetch'
  | 'private-broadcast';

/** What `-whitelist` and `-whitebind` grant, as Core lists it (net_permissions.cpp). */
export const PERMISSIONS = [
  'bloomfilter', 'noban', 'forcerelay', 'relay', 'mempool', 'download', 'addr',
] as const; // biome-ignore format: one list
export type Permission = (typeof PERMISSIONS)[number];

/** A target as the user wrote it (`addnode example.org`) or as the address book holds it. */
export type DialTarget =
  | {
      readonly kind: 'address';
      readonly address: NetAddress /** As the user wrote it. */;
      readonly text?: string;
    }
  | { readonly kind: 'name'; readonly host: string; readonly port: number };

/** Compact filters (BIP157) of the branch that ends in `stopHash`; checkpoints are every 1000th filter header. */
export interface FilterRequest {
  readonly what: 'filters' | 'hashes' | 'checkpoints';
  readonly startHeight: number;
  readonly stopHash: BlockHash;
}
export type FilterAnswer =
  | {
      readonly what: 'filters';
      readonly filters: readonly { readonly blockHash: BlockHash; readonly filter: Uint8Array }[];
    }
  | { readonly what: 'hashes'; readonly previousHeader: Hash256; readonly hashes: Hash256[] }
  | { readonly what: 'checkpoints'; readonly headers: Hash256[] };

export type P2pEvent =
  | {
      readonly kind: 'connected';
      readonly peer: PeerId;
      readonly type: ConnectionType;
      readonly address: NetAddress;
      /** Our end of the connection. */
      readonly localAddress: NetAddress;
      readonly permissions: readonly Permission[];
      /** Outbound: which `connect` effect this answers. */
      readonly attempt?: number;
      /** Tor delivered it, so its address says nothing of its network. */
      readonly isOnion?: true;
      /** Absent: frames in the clear. */
      readonly transport?: 'detecting';
    }
  /** Of a connection that was `detecting`: its first bytes are here, or what they turned out to be (BIP324). */
  | { readonly kind: 'transport'; readonly peer: PeerId; readonly transport: TransportKind }
  | { readonly kind: 'connectFailed'; readonly attempt: number; readonly reason: string }
  /** Told once for each `connected`, whoever closed; nothing of that peer follows. */
  | {
      readonly kind: 'disconnected';
      readonly peer: PeerId;
      /** Nothing came of an encrypted dial: the peer may know v1 only. */
      readonly shouldRetryV1?: true;
    }
  /** `size`: bytes on the wire, header included. */
  | { readonly kind: 'message'; readonly peer: PeerId; readonly message: Message; readonly size: number }
  /** A frame with a defect, or a payload that does not follow its format; `tooMany` when a count was over its limit. */
  | {
      readonly kind: 'undecodable';
      readonly peer: PeerId;
      readonly command: string;
      readonly defect: FrameDefect | 'payload' | 'tooMany';
      readonly detail: string;
    }
  /** A complete message of a command that we do not know: ignored, but it shows that the peer lives. */
  | {
      readonly kind: 'unknownMessage';
      readonly peer: PeerId;
      readonly command: string;
      readonly size: number;
    }
  /** A deadline may be due: see `nextDeadline`. Extra ticks are harmless. */
  | { readonly kind: 'tick' }
  /** `mockscheduler`: chores come this much sooner. */
  | { readonly kind: 'schedulerAdvanced'; readonly by: Milliseconds }
  | {
      readonly kind: 'blockProcessed';
      readonly peer: PeerId;
      readonly hash: BlockHash;
      readonly result: BlockResult;
    }
  | {
      readonly kind: 'txProcessed';
      readonly peer: PeerId;
      readonly tx: Transaction;
      readonly result: TxResult;
    }
  | {
      readonly kind: 'packageProcessed';
      readonly peer: PeerId;
      readonly txs: readonly Transaction[];
      readonly result: PackageResult;
    }
  | { readonly kind: 'txTested'; readonly tx: Transaction; readonly isAcceptable: boolean }
  /** `raw` undefined: not (or no longer) on disk. */
  | {
      readonly kind: 'blockRead';
      readonly peer: PeerId;
      readonly hash: BlockHash;
      readonly raw: Uint8Array | undefined;
    }
  /** `answer` undefined: the index has not got it. */
  | { readonly kind: 'filtersRead'; readonly peer: PeerId; readonly answer: FilterAnswer | undefined }
  | { readonly kind: 'namesResolved'; readonly host: string; readonly addresses: readonly NetAddress[] }
  /** From the writer, whoever caused it, in order. */
  | { readonly kind: 'chain'; readonly notice: ChainNotice }
  | { readonly kind: 'mempool'; readonly notice: MempoolNotice }
  /** More than a megabyte waits to be sent to the peer: nothing of it is handled until `sendResumed`. */
  | { readonly kind: 'sendPaused'; readonly peer: PeerId }
  | { readonly kind: 'sendResumed'; readonly peer: PeerId };

export type P2pEffect =
  /** Dial; answered by `connected` or `connectFailed` with the same `attempt`. */
  | {
      readonly kind: 'connect';
      readonly attempt: number;
      readonly target: DialTarget;
      readonly type: Exclude<ConnectionType, 'inbound'>;
      readonly transport: 'v1' | 'v2';
      /** Through the proxy of Tor, whatever network the target is on. */
      readonly throughTor?: true;
    }
  /** Close after what was sent before; answered by `disconnected`. `reason` is for the log. */
  | { readonly kind: 'disconnect'; readonly peer: PeerId; readonly reason: string }
  | { readonly kind: 'send'; readonly peer: PeerId; readonly message: Message }
  /** A block's bytes straight from disk, framed as a `block` message (after `blockRead`). */
  | { readonly kind: 'sendRawBlock'; readonly peer: PeerId; readonly raw: Uint8Array }
  /** → blockProcessed. `requested`: we asked for it, so it is stored even off the best chain. */
  | {
      readonly kind: 'submitBlock';
      readonly peer: PeerId;
      readonly block: Block;
      readonly requested: boolean;
    }
  /** → txProcessed. */
  | { readonly kind: 'submitTx'; readonly peer: PeerId; readonly tx: Transaction }
  /** Parents and then their child, which may pay for them. → packageProcessed. */
  | { readonly kind: 'submitPackage'; readonly peer: PeerId; readonly txs: readonly Transaction[] }
  /** Whether the mempool would take it now; → txTested. */
  | { readonly kind: 'testTx'; readonly tx: Transaction }
  /** → blockRead. */
  | { readonly kind: 'readBlock'; readonly peer: PeerId; readonly hash: BlockHash }
  /** → filtersRead. Only where compact filters are offered (SERVICES.compactFilters). */
  | ({ readonly kind: 'readFilters'; readonly peer: PeerId } & FilterRequest)
  /** → namesResolved, one for each host. Asked through `x<services hex>.` names where a seed offers them. */
  | { readonly kind: 'resolveSeeds'; readonly hosts: readonly string[] }
  | { readonly kind: 'saveAddresses' }
  /** A peer has asked for it: it need not be announced again and again (`MempoolView.unbroadcast`). */
  | { readonly kind: 'txBroadcast'; readonly txid: Txid }
  | { readonly kind: 'saveBans' };
