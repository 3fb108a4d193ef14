/** What the user said about validation, mempool, mining and wallets, as these take it. Throws ConfigError. */
import { hexToHash } from '../base/bytes.ts';
import { HOUR_MS } from '../base/clock.ts';
import type { PruneOptions } from '../chain/block-tree.ts';
import type { ChainOptions } from '../chain/chain-state.ts';
import { CHECK_BLOCKS_DEFAULT, CHECK_LEVEL_DEFAULT } from '../chain/verify-chain.ts';
import { COIN } from '../consensus/amount.ts';
import { BLOCK_WEIGHT_MAX } from '../consensus/limits.ts';
import type { ChainParams } from '../consensus/params.ts';
import { VERIFIERS, type VerifierChoice } from '../crypto/verifier.ts';
import { DEFAULT_MEMPOOL_OPTIONS, type MempoolOptions } from '../mempool/options.ts';
import { BLOCK_MIN_FEE_RATE, BLOCK_RESERVED_WEIGHT, type TemplateOptions } from '../mining/template.ts';
import type { OutputType } from '../wallet/descriptor-keeper.ts';
import { DEFAULT_WALLET_OPTIONS, type WalletOptions } from '../wallet/options.ts';
import type { ChainHostOptions } from './chain-host.ts';
import type { NodeConfig } from './config.ts';
import type { OptionName } from './option-table.ts';
import { ConfigError, type Settings } from './settings.ts';

const MEBIBYTE = 2 ** 20;
/** Core: MINIMUM_BLOCK_RESERVED_WEIGHT. */
const BLOCK_RESERVED_WEIGHT_MIN = 2_000;
/** Least target of `-prune` (Core: MIN_DISK_SPACE_FOR_BLOCK_FILES). */
const PRUNE_TARGET_MIN_MIB = 550;
const PRUNE_MANUALLY = 1;
/** Core: nPruneAfterHeight of each chain. */
const PRUNE_AFTER_HEIGHT = { main: 100_000, others: 1_000, fast: 100 } as const;
/** Core: the CTxMemPool constructor's limit of check_ratio. */
const CHECK_RATIO_MAX = 1_000_000;
/** Core: MIN_DB_CACHE, DEFAULT_DB_CACHE. */
const DB_CACHE_MIN_MIB = 4;
const DB_CACHE_MIB = 450;
/** Core: MAX_BLOCK_DB_CACHE, MAX_COINS_DB_CACHE. */
const INDEX_CACHE_MAX_BYTES = 2 * MEBIBYTE;
const COINS_DB_CACHE_MAX_BYTES = 8 * MEBIBYTE;
/** Core: MAX_CLUSTER_COUNT_LIMIT. */
const CLUSTER_COUNT_LIMIT_MAX = 64;
/** Bytes of a block file with `-fastprune` (Core: FindNextBlockPos). */
const FAST_PRUNE_FILE_BYTES = 0x1_0000;
export type StorageOptions = Omit<ChainHostOptions, 'magic'>;

const OUTPUT_TYPES: readonly OutputType[] = ['legacy', 'p2sh-segwit', 'bech32', 'bech32m'];

export function chainOptions(settings: Settings, params: ChainParams): ChainOptions {
  const assumeValid = settings.text('assumevalid');
  const minimumWork = settings.text('minimumchainwork');
  if (assumeValid !== undefined && !isHex64(assumeValid)) {
    throw new ConfigError(`Invalid assumevalid block hash specified (${assumeValid}), must be up to 64 hex digits (or 0 to disable)`); // biome-ignore format: one text
  }
  if (minimumWork !== undefined && !isHex64(minimumWork)) {
    throw new ConfigError(`Invalid minimum work specified (${minimumWork}), must be up to 64 hex digits`);
  }
  const prune = pruneOptions(settings, params);
  const hash = assumeValid?.replace(/^0x/, '').padStart(64, '0');
  return {
    assumedValidBlock:
      hash === undefined ? params.assumedValidBlock : /^0*$/.test(hash) ? null : hexToHash(hash),
    minimumChainWork:
      minimumWork === undefined ? params.minimumChainWork : BigInt(`0x${minimumWork.replace(/^0x/, '')}`),
    tipAgeMaxSeconds: settings.number('maxtipage', 24 * 60 * 60),
    coinsCacheBytes: coinsCacheBytes(settings),
    ...(prune !== undefined && { prune }),
    ...(settings.number('dbbatchsize', 0) > 0 && { batchBytesMax: settings.number('dbbatchsize', 0) }),
    startupCheck: {
      blocks: settings.number('checkblocks', CHECK_BLOCKS_DEFAULT),
      level: settings.number('checklevel', CHECK_LEVEL_DEFAULT),
      mustBeWhole: settings.isSet('checkblocks') || settings.isSet('checklevel'),
    },
    checkRatio: checkRatio(settings, 'checkblockindex', params),
    ...(settings.number('stopatheight', 0) > 0 && { stopAtHeight: settings.number('stopatheight', 0) }),
  };
}

/**
 * What `-dbcache` leaves for coins: the databases of the index and of the coins have their part of it, for their own caches
 * (Core: kernel::CacheSizes).
 */
function coinsCacheBytes(settings: Settings): number {
  const all = Math.max(DB_CACHE_MIN_MIB, settings.number('dbcache', DB_CACHE_MIB)) * MEBIBYTE;
  const rest = all - Math.min(all / 8, INDEX_CACHE_MAX_BYTES);
  return rest - Math.min(rest / 2, COINS_DB_CACHE_MAX_BYTES);
}

/** On regtest every chance is taken unless the user says otherwise (Core: DefaultConsistencyChecks). */
function checkRatio(
  settings: Settings,
  name: 'checkblockindex' | 'checkmempool',
  params: ChainParams,
): number {
  const ratio = settings.number(name, params.name === 'regtest' ? 1 : 0);
  return Math.min(Math.max(ratio, 0), CHECK_RATIO_MAX);
}

function pruneOptions(settings: Settings, params: ChainParams): PruneOptions | undefined {
  const target = settings.number('prune', 0);
  if (target < 0) throw new ConfigError('Prune cannot be configured with a negative value.');
  if (target === 0) return undefined;
  if (settings.flag('reindex-chainstate', false)) {
    throw new ConfigError('Prune mode is incompatible with -reindex-chainstate. Use full -reindex instead.');
  }
  if (target !== PRUNE_MANUALLY && target < PRUNE_TARGET_MIN_MIB) {
    throw new ConfigError(
      `Prune configured below the minimum of ${PRUNE_TARGET_MIN_MIB} MiB.  Please use a higher number.`,
    );
  }
  const isFast = settings.flag('fastprune', false) && params.name === 'regtest';
  const { main, others, fast } = PRUNE_AFTER_HEIGHT;
  return {
    targetBytes: target === PRUNE_MANUALLY ? undefined : target * MEBIBYTE,
    afterHeight: isFast ? fast : params.name === 'main' ? main : others,
  };
}

/** Where the chain's files are, and how they are written. */
export function storageOptions({ settings, directory, blocksDirectory }: NodeConfig): StorageOptions {
  return {
    directory,
    blocksDirectory,
    blocksXor: settings.flag('blocksxor', true),
    prunes: settings.number('prune', 0) !== 0,
    ...(settings.number('dbcrashratio', 0) > 0 && { crashRatio: settings.number('dbcrashratio', 0) }),
    ...(settings.flag('fastprune', false) && { blockFileBytesMax: FAST_PRUNE_FILE_BYTES }),
  };
}

function isHex64(text: string): boolean {
  return /^(0x)?[0-9a-fA-F]{1,64}$/.test(text);
}

/** What `-maxsigcachesize` allows (Core: DEFAULT_VALIDATION_CACHE_BYTES); 0 leaves the least there can be. */
/** What is made anew at the start: `-reindex`, or else `-reindex-chainstate`. */
export function rebuildOption(settings: Settings): StorageOptions['rebuild'] {
  if (settings.flag('reindex', false)) return 'index';
  return settings.flag('reindex-chainstate', false) ? 'coins' : undefined;
}

export function validationCacheBytes(settings: Settings): number {
  return Math.max(0, settings.number('maxsigcachesize', 32)) * MEBIBYTE;
}

export function verifierChoice(settings: Settings): VerifierChoice {
  const choice = settings.text('verify-engine') ?? 'auto';
  if (!isVerifierChoice(choice)) {
    throw new ConfigError(`Unknown --verify-engine ${choice}: there are ${VERIFIERS.join(', ')} and auto.`);
  }
  return choice;
}

function isVerifierChoice(text: string): text is VerifierChoice {
  return text === 'auto' || (VERIFIERS as readonly string[]).includes(text);
}

export function mempoolOptions(settings: Settings, params: ChainParams): MempoolOptions {
  const defaults = DEFAULT_MEMPOOL_OPTIONS;
  const acceptsNonStandard = settings.flag('acceptnonstdtxn', false);
  if (acceptsNonStandard && !params.isTestChain) {
    throw new ConfigError(`acceptnonstdtxn is not currently supported for ${params.name} chain`);
  }
  const clusterSizeMax = settings.number('limitclustersize', defaults.clusterSizeMax / 1_000) * 1_000;
  const usageMax = mempoolBytes(settings, clusterSizeMax);
  const incremental = feeRate(settings, 'incrementalrelayfee', defaults.incrementalRelayFeeRate);
  const minRelay = feeRate(settings, 'minrelaytxfee', defaults.minRelayFeeRate);
  return {
    requireStandard: !acceptsNonStandard,
    usageMax,
    expiryMs: settings.number('mempoolexpiry', 336) * HOUR_MS,
    // Core raises the floor so that a replacement always pays what a first transaction would.
    minRelayFeeRate: settings.isSet('minrelaytxfee') ? minRelay : Math.max(minRelay, incremental),
    incrementalRelayFeeRate: incremental,
    dustRelayFeeRate: feeRate(settings, 'dustrelayfee', defaults.dustRelayFeeRate),
    bytesPerSigop: settings.number('bytespersigop', defaults.bytesPerSigop),
    dataCarrierBytesMax: settings.flag('datacarrier', true)
      ? settings.number('datacarriersize', defaults.dataCarrierBytesMax)
      : 0,
    permitBareMultisig: settings.flag('permitbaremultisig', defaults.permitBareMultisig),
    clusterCountMax: clusterCount(settings, defaults.clusterCountMax),
    clusterSizeMax,
    ancestorCountMax: settings.number('limitancestorcount', defaults.ancestorCountMax),
    descendantCountMax: settings.number('limitdescendantcount', defaults.descendantCountMax),
    checkRatio: checkRatio(settings, 'checkmempool', params),
  };
}

function clusterCount(settings: Settings, fallback: number): number {
  const count = settings.number('limitclustercount', fallback);
  if (count < 0 || count > CLUSTER_COUNT_LIMIT_MAX) {
    throw new ConfigError(`limitclustercount must be less than or equal to ${CLUSTER_COUNT_LIMIT_MAX}`);
  }
  return count;
}

/** Limits of old, by size: given in vain (Core: AppInitParameterInteraction). */
export function mempoolWarnings(settings: Settings): string[] {
  return (['ancestor', 'descendant'] as const).flatMap(kin => {
    const name = `limit${kin}size` as const;
    if (!settings.isSet(name)) return [];
    return `Option '-${name}' is given but ${kin} size limits have been replaced with cluster size limits (see -limitclustersize). This option has no effect.`;
  });
}

/** Room for forty clusters at least; little for who takes no transactions of others (Core: Flatten, DEFAULT_BLOCKSONLY_MAX_MEMPOOL_SIZE_MB). */
function mempoolBytes(settings: Settings, clusterSizeMax: number): number {
  const bytes = settings.number('maxmempool', settings.flag('blocksonly', false) ? 5 : 300) * 1_000_000;
  const least = clusterSizeMax * 40;
  if (bytes < 0 || (bytes > 0 && bytes < least))
    throw new ConfigError(`-maxmempool must be at least ${Math.ceil(least / 1_000_000)} MB`);
  return bytes;
}

export function templateOptions(
  settings: Settings,
): TemplateOptions & Required<Pick<TemplateOptions, 'minFeeRate'>> & { readonly printsPriority: boolean } {
  const version = settings.number('blockversion', -1);
  const reservedWeight = settings.number('blockreservedweight', BLOCK_RESERVED_WEIGHT);
  const maxWeight = settings.number('blockmaxweight', BLOCK_WEIGHT_MAX);
  checkWeights(reservedWeight, maxWeight);
  return {
    minFeeRate: feeRate(settings, 'blockmintxfee', BLOCK_MIN_FEE_RATE),
    printsPriority: settings.flag('printpriority', false),
    reservedWeight,
    maxWeight,
    ...(version !== -1 && { version }),
  };
}

/** Core: CheckMiningOptions, in its order. */
function checkWeights(reserved: number, max: number): void {
  const tooMuch = `exceeds consensus maximum block weight (${BLOCK_WEIGHT_MAX})`;
  if (reserved < BLOCK_RESERVED_WEIGHT_MIN) {
    throw new ConfigError(`-blockreservedweight (${reserved}) is lower than minimum safety value of (${BLOCK_RESERVED_WEIGHT_MIN})`); // biome-ignore format: one text
  }
  if (reserved > BLOCK_WEIGHT_MAX) throw new ConfigError(`-blockreservedweight (${reserved}) ${tooMuch}`);
  if (max > BLOCK_WEIGHT_MAX) throw new ConfigError(`-blockmaxweight (${max}) ${tooMuch}`);
  if (reserved > max)
    throw new ConfigError(`-blockreservedweight (${reserved}) exceeds -blockmaxweight (${max})`);
}

export function walletOptions(settings: Settings, params: ChainParams): WalletOptions {
  const defaults = DEFAULT_WALLET_OPTIONS;
  return {
    ...defaults,
    prefixes: params.address,
    coinType: params.name === 'main' ? 0 : 1,
    keyPoolSize: Math.max(1, settings.number('keypool', defaults.keyPoolSize)),
    addressType: outputType(settings, 'addresstype') ?? defaults.addressType,
    changeType: outputType(settings, 'changetype'),
    spendsZeroConfChange: settings.flag('spendzeroconfchange', defaults.spendsZeroConfChange),
    minFeeRate: feeRate(settings, 'mintxfee', defaults.minFeeRate),
    fallbackFeeRate: feeRate(settings, 'fallbackfee', defaults.fallbackFeeRate),
    discardFeeRate: feeRate(settings, 'discardfee', defaults.discardFeeRate),
    consolidateFeeRate: feeRate(settings, 'consolidatefeerate', defaults.consolidateFeeRate),
    maxTxFee: feeRate(settings, 'maxtxfee', defaults.maxTxFee),
    signalsRbf: settings.flag('walletrbf', defaults.signalsRbf),
    confirmTarget: settings.number('txconfirmtarget', defaults.confirmTarget),
    avoidsPartialSpends: settings.flag('avoidpartialspends', defaults.avoidsPartialSpends),
    maxApsFee: settings.text('maxapsfee') === '-1' ? -1 : feeRate(settings, 'maxapsfee', defaults.maxApsFee),
    rejectsLongChains: settings.flag('walletrejectlongchains', defaults.rejectsLongChains),
    broadcasts: settings.flag('walletbroadcast', defaults.broadcasts),
  };
}

function outputType(settings: Settings, name: 'addresstype' | 'changetype'): OutputType | undefined {
  const text = settings.text(name);
  if (text === undefined) return undefined;
  const type = OUTPUT_TYPES.find(known => known === text);
  if (type === undefined) {
    throw new ConfigError(`Unknown ${name === 'addresstype' ? 'address' : 'change'} type '${text}'`);
  }
  return type;
}

/** Coins, as text with up to eight decimals, to satoshi. */
function feeRate(settings: Settings, name: OptionName, fallback: number): number {
  const text = settings.text(name);
  if (text === undefined) return fallback;
  if (!/^\d{1,8}(\.\d{1,8})?$/.test(text))
    throw new ConfigError(`Invalid amount for -${name}=<amount>: '${text}'`);
  const [whole, fraction = ''] = text.split('.');
  return Number(whole) * COIN + Number(fraction.padEnd(8, '0'));
}
