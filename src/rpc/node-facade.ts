/**
 * What RPC methods need of a running node, by concern. Views are read at once; whatever touches the writer, the disk or
 * sockets answers later. The node implements it (src/node/), tests implement it on memory.
 */
import type { BlockHash, Hash256, Txid } from '../base/bytes.ts';
import type { Milliseconds, UnixSeconds } from '../base/clock.ts';
import type { PruneOptions } from '../chain/block-tree.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import type { Coin } from '../chain/coin.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import type { BlockUndo } from '../chain/undo.ts';
import type { DeploymentState } from '../consensus/deployments.ts';
import type { Reject } from '../consensus/reject.ts';
import type { FeeEstimator } from '../mempool/fee-estimator.ts';
import type { MempoolView, PackageResult, TxResult } from '../mempool/mempool-view.ts';
import type { PackageReject } from '../mempool/package-reject.ts';
import type { PlacedEntry } from '../p2p/address-tables.ts';
import type { ConnectionType, PeerId, Permission } from '../p2p/events.ts';
import type { NetHost } from '../p2p/netgroup.ts';
import type { PrivateTransaction } from '../p2p/private-queue.ts';
import type { Block, BlockHeader } from '../wire/block.ts';
import type { AddressNetwork, NetAddress, TimedAddress } from '../wire/net-address.ts';
import type { Subnet } from '../wire/subnet.ts';
import type { OutPoint, Transaction } from '../wire/transaction.ts';
import type { IndexAccess } from './index-access.ts';
import type { SnapshotAccess } from './snapshot-access.ts';

export interface NodeFacade {
  readonly chain: ChainView;
  readonly blocks: BlockAccess;
  readonly coins: CoinAccess;
  readonly indexes: IndexAccess;
  readonly snapshots: SnapshotAccess;
  readonly mempool: MempoolView;
  readonly pool: PoolAccess;
  /** What fee rates get confirmed, as far as the node has seen; undefined with `-blocksonly`. */
  readonly fees: FeeAccess | undefined;
  readonly mining: MiningAccess;
  readonly network: NetworkAccess;
  readonly clock: ClockAccess;
  readonly process: ProcessAccess;
}

export type FeeAccess = Pick<FeeEstimator, 'highestTarget' | 'estimateRaw' | 'estimateSmart'>;

/** Blocks on disk and the writer of the chain. */
export interface BlockAccess {
  /** undefined when it is not (or no longer) on disk. */
  readBlock(id: HeaderId): Promise<Block | undefined>;
  readUndo(id: HeaderId): Promise<BlockUndo | undefined>;
  /** Bytes of block and undo files. */
  sizeOnDisk(): number;
  /** 0 … 1: how much of the chain's history is validated (Core: GuessVerificationProgress). */
  verificationProgress(): number;
  /** Whether deployments are active for the block after `parent`, or how far. */
  deploymentsAfter(parent: HeaderId): readonly DeploymentState[];
  /** Names of the rules for scripts of block `id`, sorted. */
  scriptFlagNames(id: HeaderId): readonly string[];
  /** Stores it even when it is not on the best chain, as one that was asked for. */
  submitBlock(block: Block): Promise<BlockResult>;
  /** Throws Reject. */
  submitHeader(header: BlockHeader): Promise<void>;
  /** Whether `block` would connect to the tip, nothing being stored (Core: TestBlockValidity); proof of work is not looked at. */
  testBlock(block: Block, options: { readonly checkMerkleRoot: boolean }): Promise<Reject | undefined>;
  /** How old blocks are deleted; undefined: they are kept. */
  readonly pruning: PruneOptions | undefined;
  /** Height of the last block of the active chain of which block or undo data are gone; undefined when none are. */
  pruneHeight(): number | undefined;
  /** Deletes block files that hold nothing above `height`, as far as they may go. */
  pruneTo(height: number): Promise<void>;
  /** Looks through the last `blocks` blocks once more (0: all); false when something is wrong, or could not be seen. */
  verify(options: { readonly level: number; readonly blocks: number }): Promise<boolean>;
  invalidateBlock(id: HeaderId): Promise<void>;
  reconsiderBlock(id: HeaderId): Promise<void>;
  preciousBlock(id: HeaderId): Promise<void>;
  /** Everything that was submitted before has been done and told; indexes that follow the tip have reached it. */
  settled(): Promise<void>;
  /** Calls `listener` for each notice of the writer from now on; the result ends that. */
  onNotice(listener: (notice: ChainNotice) => void): () => void;
}

/** The unspent outputs of the active chain. */
export interface CoinAccess {
  coin(outPoint: OutPoint): Promise<Coin | undefined>;
  /** As `coin`, of many at one moment. */
  coins(outPoints: readonly OutPoint[]): Promise<readonly (Coin | undefined)[]>;
  /** Walks all coins at the tip. Throws RpcError when stopped. */
  stats(hash: CoinStatsHash): Promise<CoinStats>;
  readonly scans: CoinScans;
}
/** The search for scripts among all coins; one at a time. */
export interface CoinScans {
  /** Percent; undefined while none is running. */
  readonly progress: number | undefined;
  /** Ends the one that is running, soon. */
  abort(): void;
  /** Walks all coins at the tip; `scripts` as binary strings. Progress is there from the call on. */
  scan(scripts: ReadonlySet<string>): Promise<CoinScan>;
}
export interface FoundCoin {
  readonly outPoint: OutPoint;
  readonly coin: Coin;
}
export interface CoinScan {
  readonly bestBlock: BlockHash;
  /** How many coins were looked at. */
  readonly outputs: number;
  readonly found: readonly FoundCoin[];
  /** False when it was aborted. */
  readonly isComplete: boolean;
}
export type CoinStatsHash = 'hash_serialized_3' | 'muhash' | 'none';
export interface CoinStats {
  readonly height: number;
  readonly bestBlock: BlockHash;
  readonly transactions: number;
  readonly outputs: number;
  readonly bogoSize: number;
  /** Hex as people read it; absent for 'none'. */
  readonly hash?: string;
  readonly totalAmount: bigint;
  /** Estimated bytes of the chainstate store. */
  readonly diskSize: number;
}

/** The writer of the mempool. */
export interface PoolAccess {
  readonly options: {
    readonly usageMax: number;
    readonly requireStandard: boolean;
    readonly dustRelayFeeRate: number;
    readonly minRelayFeeRate: number;
    readonly incrementalRelayFeeRate: number;
    readonly dataCarrierBytesMax: number;
    readonly permitBareMultisig: boolean;
    readonly clusterCountMax: number;
    readonly clusterSizeMax: number;
  };
  /** The stored pool was read back. */
  readonly isLoaded: boolean;
  /**
   * Takes it, announces it and keeps it among the unbroadcast; with `announces` false it only takes it. A fee above
   * `maxFee` (satoshi; undefined: none) is refused as 'max-fee-exceeded' before it enters.
   */
  submit(
    tx: Transaction,
    options: { readonly maxFee: number | undefined; readonly announces?: boolean },
  ): Promise<TxResult>;
  /** Announces to all peers again what is in the mempool. */
  announce(txid: Txid): void;
  /** Takes a child and its parents; a transaction of a higher fee rate (satoshi per 1000 virtual bytes) is refused. */
  submitPackage(
    txs: readonly Transaction[],
    options: { readonly maxFeeRate: number | undefined },
  ): Promise<PackageResult>;
  /** What `submit` would say of each, as if those before it were in. */
  test(txs: readonly Transaction[]): Promise<PackageTest>;
  /** Writes it to disk; returns the file, or undefined when that failed. */
  save(): string | undefined;
  /** Takes in what a file holds; false when it cannot be read. */
  import(
    file: string,
    options: {
      readonly useCurrentTime: boolean;
      readonly applyFeeDeltas: boolean;
      readonly applyUnbroadcast: boolean;
    },
  ): Promise<boolean>;
  /** Lets it count as if it paid `feeDelta` satoshi more. */
  prioritise(txid: Txid, feeDelta: number): void;
  feeDeltas(): ReadonlyMap<Txid, number>;
  /** The chunk that it would be mined in: satoshi and sigop-adjusted weight. */
  chunkOf(txid: Txid): { readonly fee: number; readonly weight: number; readonly count: number };
  /** All chunks of its cluster, best first. */
  clusterOf(txid: Txid): readonly ChunkInfo[];
}
export interface ChunkInfo {
  readonly fee: number;
  readonly weight: number;
  readonly txids: readonly Txid[];
}
export interface PackageTest {
  readonly reject: PackageReject | undefined;
  /** undefined where another refusal came first. */
  readonly results: readonly (TestAcceptance | Reject | undefined)[];
}
export interface TestAcceptance {
  readonly fee: number;
  readonly modifiedFee: number;
  readonly virtualSize: number;
}

export interface MiningAccess {
  /** Satoshi per 1000 virtual bytes of the cheapest package that goes into a block (`-blockmintxfee`). */
  readonly blockMinFeeRate: number;
  /** Of the template made last. */
  readonly lastTemplate: { readonly weight: number; readonly txCount: number } | undefined;
  createTemplate(): Promise<BlockTemplate>;
  /** Target of the next block in compact form. */
  nextBits(): number;
  /** Mines on the tip and submits, up to `count` blocks while tries last; throws RpcError when one is refused. */
  generate(options: {
    readonly scriptPubKey: Uint8Array;
    readonly count: number;
    readonly maxTries: number;
  }): Promise<readonly BlockHash[]>;
  /** A block on the tip of exactly these transactions after the coinbase, unsolved, with merkle root and commitment. */
  assemble(scriptPubKey: Uint8Array, transactions: readonly Transaction[]): Promise<Block>;
  /** Finds a nonce; undefined when tries end first. */
  solve(block: Block, maxTries: number): Promise<Block | undefined>;
}
export interface BlockTemplate {
  /** Coinbase first. */
  readonly block: Block;
  /** Satoshi and sigop cost of each transaction after the coinbase. */
  readonly fees: readonly number[];
  readonly sigopCosts: readonly number[];
  readonly minTime: UnixSeconds;
  readonly height: number;
}

export interface PeerInfo {
  readonly id: PeerId;
  /** As the user or the address book named it. */
  readonly name: string;
  readonly address: NetAddress;
  readonly localAddress: NetAddress | undefined;
  /** How the peer sees us, by its version message. */
  readonly seenAs: NetAddress | undefined;
  readonly network: AddressNetwork | 'not_publicly_routable';
  readonly services: bigint;
  readonly relaysTxs: boolean;
  readonly lastInvSequence: number;
  readonly invToSend: number;
  readonly lastSend: Milliseconds;
  readonly lastReceive: Milliseconds;
  /** 0: never. */
  readonly lastTransaction: Milliseconds;
  readonly lastBlock: Milliseconds;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connectedAt: Milliseconds;
  readonly timeOffsetS: number;
  readonly pingMs: number | undefined;
  readonly minPingMs: number | undefined;
  /** How long a ping has been waiting for its pong. */
  readonly pingWaitMs: number | undefined;
  readonly version: number;
  /** Without characters that could harm a terminal. */
  readonly userAgent: string;
  /** Whether the peer announces blocks to us unasked (BIP152), and we to it. */
  readonly highBandwidthTo: boolean;
  readonly highBandwidthFrom: boolean;
  /** −1 while unknown. */
  readonly presyncedHeaders: number;
  readonly syncedHeaders: number;
  readonly syncedBlocks: number;
  readonly inflightHeights: readonly number[];
  readonly relaysAddresses: boolean;
  readonly addressesProcessed: number;
  readonly addressesRateLimited: number;
  readonly permissions: readonly Permission[];
  /** Satoshi per 1000 virtual bytes (BIP133). */
  readonly minFeeFilter: number;
  /** Bytes by command, `*other*` for unknown ones. */
  readonly bytesSentPerMessage: ReadonlyMap<string, number>;
  readonly bytesReceivedPerMessage: ReadonlyMap<string, number>;
  readonly type: ConnectionType;
  readonly transport: 'detecting' | 'v1' | 'v2';
  /** Hexadecimal; '' without BIP324. */
  readonly sessionId: string;
}

/** Own transactions that go to the network over connections of their own. */
export interface PrivateBroadcastAccess {
  /** Tor or I2P can be reached. */
  readonly isPossible: boolean;
  add(tx: Transaction): 'added' | 'present' | 'full';
  entries(): readonly PrivateTransaction[];
  /** By txid or wtxid; those that were given up. */
  abort(id: Hash256): readonly Transaction[];
}

export interface OrphanInfo {
  readonly tx: Transaction;
  readonly announcers: readonly PeerId[];
}

export interface Ban {
  readonly subnet: Subnet;
  readonly createdAt: UnixSeconds;
  readonly until: UnixSeconds;
}

/** Connections, addresses and bans. */
export interface NetworkAccess {
  readonly protocolVersion: number;
  readonly userAgent: string;
  readonly localServices: bigint;
  /** False with `-blocksonly`. */
  readonly relaysTxs: boolean;
  readonly isActive: boolean;
  /** Median of what outbound peers' clocks say. */
  readonly timeOffsetS: number;
  readonly reachable: ReadonlySet<AddressNetwork>;
  /** `text`: where it listens, as the user says it. */
  proxyOf(
    network: AddressNetwork,
  ): { readonly text: string; readonly randomizesCredentials: boolean } | undefined;
  localAddresses(): readonly { readonly address: NetAddress; readonly score: number }[];
  /** Ascending by id. */
  peers(): readonly PeerInfo[];
  totals(): { readonly received: number; readonly sent: number };
  uploadTarget(): {
    /** Bytes a day; 0: any. */
    readonly limit: number;
    readonly isReached: boolean;
    readonly servesHistoricalBlocks: boolean;
    readonly bytesLeft: number;
    readonly timeLeftS: number;
  };
  /** Dials once (`onetry`), as a manual connection. */
  connectOnce(node: string, transport?: 'v1' | 'v2'): void;
  /** Keeps it connected; false if it was in the list. */
  addNode(node: string, transport?: 'v1' | 'v2'): boolean;
  removeNode(node: string): boolean;
  /** `node`: as it was added; `place`: with its port. */
  addedNodes(): readonly { readonly node: string; readonly place: string }[];
  /** False when all places of that type are taken, or nobody answers there. */
  addConnection(
    address: string,
    type: Exclude<ConnectionType, 'inbound' | 'manual' | 'private-broadcast'>,
    transport?: 'v1' | 'v2',
  ): Promise<boolean>;
  /** False if there is none. */
  disconnect(peer: { readonly id: PeerId } | { readonly name: string }): boolean;
  pingAll(): void;
  /** Any message, as it is; false if the peer is not connected. */
  sendMessage(peer: PeerId, command: string, payload: Uint8Array): boolean;
  /** Transactions whose parents are missing, by wtxid. */
  orphans(): readonly OrphanInfo[];
  /** Asks that peer for a block whose header is known. What refuses it, in Core's words; undefined when it is asked for. */
  fetchBlock(peer: PeerId, id: HeaderId): string | undefined;
  setActive(active: boolean): void;
  /** Shuffled; `count` 0: all. */
  addresses(count: number, network: AddressNetwork | undefined): readonly TimedAddress[];
  /** Of one network, or of all. */
  addressCount(network: AddressNetwork | undefined, table: 'new' | 'tried'): number;
  placedAddresses(table: 'new' | 'tried'): readonly PlacedEntry[];
  /** Its autonomous system; 0: it has none, or there is no map (`-asmap`). */
  mappedAs(host: NetHost): number;
  addAddress(
    address: NetAddress,
    table: 'new' | 'tried',
  ): 'added' | 'failed-adding-to-new' | 'failed-adding-to-tried';
  /** undefined without `-privatebroadcast`. */
  readonly privateBroadcast: PrivateBroadcastAccess | undefined;
  bans(): readonly Ban[];
  /** Replaces a ban of the same subnet and disconnects whom it covers; `until` undefined: the default time from now. */
  ban(subnet: Subnet, until: UnixSeconds | undefined): void;
  /** Seconds that a ban without time lasts (`-bantime`). */
  readonly defaultBanTimeS: number;
  /** False if it was not banned. */
  unban(subnet: Subnet): boolean;
  clearBans(): void;
}

export interface ClockAccess {
  /** The node clock: mockable. */
  now(): Milliseconds;
  /** The system's, whatever is mocked. */
  systemNow(): Milliseconds;
  /** undefined gives the node the system's time again. */
  setMockTime(time: UnixSeconds | undefined): void;
  /** Moves the scheduler into the future. */
  advanceScheduler(seconds: number): void;
}

export interface ProcessAccess {
  /** As Core counts versions: 319900. */
  readonly version: number;
  readonly warnings: readonly string[];
  readonly logPath: string;
  uptimeS(): number;
  /** `-deprecatedrpc`: what is going away and still wanted. */
  readonly deprecatedRpcs: readonly string[];
  /** Starts to stop; returns at once. */
  shutdown(): void;
  /** Debug categories and whether each is on. */
  logCategories(): ReadonlyMap<string, boolean>;
  setLogCategory(category: string, on: boolean): void;
  /** Of the JavaScript heap: bytes, and spaces that hold something or nothing. */
  heap(): {
    readonly used: number;
    readonly free: number;
    readonly spacesUsed: number;
    readonly spacesFree: number;
  };
}
