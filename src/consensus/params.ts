/**
 * What makes one chain differ from another, as data. The values live in `genesis.json` (or in the file that
 * `--genesis` names) and are read by `consensus/networks.ts`; this file is their shape.
 */
import type { BlockHash, Hash256 } from '../base/bytes.ts';
import type { ScriptFlag } from '../script/flags.ts';
import type { Block } from '../wire/block.ts';

/** Rules that activated once by miners' votes and are now tied to a height (BIP90). */
export const BURIED_DEPLOYMENTS = ['bip34', 'bip65', 'bip66', 'csv', 'segwit'] as const;
export type BuriedDeployment = (typeof BURIED_DEPLOYMENTS)[number];

/** A BIP9 deployment. Times are median times; `startTime` −1 is always active, −2 never. */
export interface VersionBitsDeployment {
  readonly name: string;
  readonly bit: number;
  readonly startTime: number;
  /** Number.MAX_SAFE_INTEGER: no timeout. */
  readonly timeout: number;
  readonly minActivationHeight: number;
  readonly period: number;
  readonly threshold: number;
}
export const ALWAYS_ACTIVE = -1;
export const NEVER_ACTIVE = -2;

export interface AddressPrefixes {
  readonly pubKeyHash: number;
  readonly scriptHash: number;
  readonly secretKey: number;
  /** Four bytes each, big endian as they stand in a serialised key. */
  readonly extPublicKey: number;
  readonly extSecretKey: number;
  /** Human-readable part of segwit addresses. */
  readonly bech32: string;
}

export interface AssumeUtxo {
  readonly height: number;
  readonly blockHash: BlockHash;
  readonly hashSerialized: Hash256;
  readonly chainTxCount: number;
}

export type NetworkName = 'main' | 'test' | 'testnet4' | 'signet' | 'regtest' | (string & {});

export interface ChainParams {
  /** As `getblockchaininfo` names the chain; also the folder in the data directory ('' for main). */
  readonly name: NetworkName;
  readonly directory: string;
  /** Regtest-like: mine on demand, mock the clock, override activation heights. */
  readonly isTestChain: boolean;
  readonly genesis: Block;
  /** Four bytes in wire order. */
  readonly magic: Uint8Array;
  readonly defaultPort: number;
  readonly rpcPort: number;
  readonly dnsSeeds: readonly string[];
  /** `ADDR:PORT`, IPv6 in brackets: asked when DNS gives nothing. */
  readonly fixedSeeds: readonly string[];
  readonly address: AddressPrefixes;

  readonly powLimit: bigint;
  readonly powTargetSpacing: number;
  readonly powTargetTimespan: number;
  readonly allowMinDifficultyBlocks: boolean;
  readonly noRetargeting: boolean;
  /** BIP94: time-warp rule and retarget from the first block of the period. */
  readonly enforceBip94: boolean;
  readonly subsidyInitial: number;
  readonly subsidyHalvingInterval: number;

  readonly buried: Readonly<Record<BuriedDeployment, number>>;
  /** Null: BIP34's hash is not used on this chain. */
  readonly bip34Hash: BlockHash | null;
  readonly deployments: readonly VersionBitsDeployment[];
  readonly minBip9WarningHeight: number;
  /** Blocks validated with other script flags than the chain's: hash → the flags that do apply besides the buried ones. */
  readonly scriptFlagExceptions: ReadonlyMap<BlockHash, readonly ScriptFlag[]>;
  /** Blocks that may overwrite an unspent coinbase (BIP30): heights with hashes. */
  readonly bip30Exceptions: ReadonlyMap<number, BlockHash>;
  /** The script that a signet block must satisfy (BIP325); null elsewhere. */
  readonly signetChallenge: Uint8Array | null;

  readonly minimumChainWork: bigint;
  readonly assumedValidBlock: BlockHash | null;
  readonly presync: { readonly commitmentPeriod: number; readonly redownloadBufferSize: number };
  readonly assumeUtxo: readonly AssumeUtxo[];
  /** Transactions up to `time` (UNIX seconds), and how many a second since: what progress is estimated by. */
  readonly chainTxData: { readonly time: number; readonly txCount: number; readonly txRate: number };
  readonly pruneAfterHeight: number;
}
