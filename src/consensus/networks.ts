/**
 * Networks as data: reads `genesis.json`, or the file of a chain of one's own, into `ChainParams`. Nothing is believed:
 * the genesis block is built from its fields, and its hash, its merkle root and its proof of work must be what the
 * file says they are, since a slip there would make a chain that no other node is on.
 */
import builtInFile from '../../genesis.json' with { type: 'json' };
import { type BlockHash, bytesToHex, type Hash256, hashToHex, hexToHash, isHex } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import type { ScriptFlag } from '../script/flags.ts';
import { SCRIPT_FLAGS } from '../script/flags.ts';
import type { Block } from '../wire/block.ts';
import { encode, varBytes } from '../wire/codec.ts';
import { MONEY_MAX } from './amount.ts';
import { type GenesisFields, genesisBlock } from './genesis-block.ts';
import { Fields, NetworkFileError } from './network-fields.ts';
import {
  type AddressPrefixes, type AssumeUtxo, BURIED_DEPLOYMENTS, type BuriedDeployment, type ChainParams, 
  NEVER_ACTIVE, type NetworkName,type VersionBitsDeployment,
} from './params.ts'; // biome-ignore format: one list
import { checkProofOfWork } from './pow.ts';

const INT32_MAX = 0x7fff_ffff;
const UINT32_MAX = 0xffff_ffff;
const MAGIC_BYTES = 4;
const EXT_KEY_PREFIX_BYTES = 4;
const SEED_PATTERN = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d{1,5}$/;
const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,31}$/;
const HRP_PATTERN = /^[a-z0-9]{1,20}$/;

/** All networks of a file: name → parameters. Throws NetworkFileError, which names the field. */
export function loadNetworks(file: unknown): Map<NetworkName, ChainParams> {
  const fields = new Fields(file, 'genesis.json');
  return new Map(fields.names().map(name => [name, readNetwork(name, fields.object(name))]));
}

/** Of a network that comes with the program. Throws NetworkFileError for one that does not. */
export function networkParams(name: NetworkName): ChainParams {
  const fields = new Fields(builtInFile, 'genesis.json');
  if (!fields.names().includes(name)) {
    throw new NetworkFileError(`Unknown network "${name}". There are ${fields.names().join(', ')}.`);
  }
  return readNetwork(name, fields.object(name));
}

/**
 * The one chain of a file of one's own (`--genesis`, written by `createGenesis`). What it does not say is as on
 * regtest, but for seeds and assumed states, of which it has none. Throws NetworkFileError.
 */
export function customNetwork(file: unknown): ChainParams {
  const names = new Fields(file, 'The genesis file').names();
  const [name] = names;
  if (names.length !== 1 || name === undefined) {
    throw new NetworkFileError(`The genesis file must hold one chain, but it holds ${names.length}`);
  }
  if (Object.hasOwn(builtInFile, name)) {
    throw new NetworkFileError(`The genesis file's chain has the name of a built-in network: "${name}"`);
  }
  const own = (file as Record<string, unknown>)[name];
  new Fields(own, name);
  const defaults = { ...builtInFile.regtest, dnsSeeds: [], fixedSeeds: [], assumeUtxo: [], directory: name };
  const { genesis: _genesis, magic: _magic, ...shared } = defaults;
  return readNetwork(name, new Fields(merged(shared, own as Record<string, unknown>), name));
}

/** `own` over `defaults`; objects in both are merged field by field. */
function merged(defaults: Record<string, unknown>, own: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = { ...defaults, ...own };
  for (const [name, value] of Object.entries(defaults)) {
    if (isPlainObject(value) && isPlainObject(own[name])) result[name] = { ...value, ...own[name] };
  }
  return result;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readNetwork(name: string, fields: Fields): ChainParams {
  if (!NAME_PATTERN.test(name)) {
    throw new NetworkFileError(
      `"${name}" cannot be the name of a chain: 32 of a-z, 0-9, "-" and "_" at most`,
    );
  }
  const signetChallenge = fields.isNull('signetChallenge') ? null : fields.hex('signetChallenge');
  const powLimit = fields.number256('powLimit');
  const spacing = fields.integer('powTargetSpacing', 1, INT32_MAX);
  const params: ChainParams = {
    name,
    directory: readDirectory(fields),
    isTestChain: fields.flag('isTestChain'),
    genesis: readGenesis(fields.object('genesis'), powLimit),
    magic: readMagic(fields, signetChallenge),
    defaultPort: fields.integer('defaultPort', 1, 0xffff),
    rpcPort: fields.integer('rpcPort', 1, 0xffff),
    dnsSeeds: fields.texts('dnsSeeds'),
    fixedSeeds: readFixedSeeds(fields),
    address: readPrefixes(fields.object('address')),
    powLimit,
    powTargetSpacing: spacing,
    powTargetTimespan: fields.integer('powTargetTimespan', spacing, INT32_MAX),
    allowMinDifficultyBlocks: fields.flag('allowMinDifficultyBlocks'),
    noRetargeting: fields.flag('noRetargeting'),
    enforceBip94: fields.flag('enforceBip94'),
    subsidyInitial: fields.integer('subsidyInitial', 0, MONEY_MAX),
    subsidyHalvingInterval: fields.integer('subsidyHalvingInterval', 1, INT32_MAX),
    buried: readBuried(fields.object('buried')),
    bip34Hash: readOptionalHash(fields, 'bip34Hash'),
    deployments: fields.objects('deployments').map(readDeployment),
    minBip9WarningHeight: fields.integer('minBip9WarningHeight', 0, INT32_MAX),
    scriptFlagExceptions: readFlagExceptions(fields.object('scriptFlagExceptions')),
    bip30Exceptions: readHeights(fields.object('bip30Exceptions')),
    signetChallenge,
    minimumChainWork: fields.number256('minimumChainWork'),
    assumedValidBlock: readOptionalHash(fields, 'assumedValidBlock'),
    presync: readPresync(fields.object('presync')),
    assumeUtxo: fields.objects('assumeUtxo').map(readAssumeUtxo),
    chainTxData: readTxData(fields.object('chainTxData')),
    pruneAfterHeight: fields.integer('pruneAfterHeight', 0, INT32_MAX),
  };
  fields.finish();
  return params;
}

/** First bytes of the hash of the challenge, as it stands in the message of a coinbase (BIP325). */
export function signetMagic(challenge: Uint8Array): Uint8Array {
  const hash = sha256d(encode(varBytes(), challenge));
  return Uint8Array.from({ length: MAGIC_BYTES }, (_, i) => hash.charCodeAt(i));
}

function readMagic(fields: Fields, challenge: Uint8Array | null): Uint8Array {
  if (challenge === null) return fields.hex('magic', MAGIC_BYTES);
  const derived = signetMagic(challenge);
  if (fields.isNull('magic')) return derived;
  if (bytesToHex(fields.hex('magic', MAGIC_BYTES)) !== bytesToHex(derived)) {
    fields.fail('magic', `is not what the signet challenge gives: ${bytesToHex(derived)} (null would do)`);
  }
  return derived;
}

function readDirectory(fields: Fields): string {
  const directory = fields.text('directory');
  if (directory !== '' && !NAME_PATTERN.test(directory)) {
    fields.fail('directory', 'is not the name of a folder: 32 of a-z, 0-9, "-" and "_" at most');
  }
  return directory;
}

function readGenesis(fields: Fields, powLimit: bigint): Block {
  const parts: GenesisFields = {
    message: fields.text('message'),
    time: fields.integer('time', 0, UINT32_MAX),
    bits: Number.parseInt(bytesToHex(fields.hex('bits', 4)), 16),
    nonce: fields.integer('nonce', 0, UINT32_MAX),
    version: fields.integer('version', -INT32_MAX - 1, INT32_MAX),
    reward: fields.integer('reward', 0, MONEY_MAX),
    outputScript: fields.hex('outputScript'),
  };
  const block = genesisBlock(parts);
  const { header } = block;
  expectHash(fields, 'merkleRoot', header.merkleRoot);
  expectHash(fields, 'hash', header.hash);
  if (!checkProofOfWork(header.hash, header.bits, { powLimit })) {
    fields.fail('nonce', 'does not give the proof of work that bits and powLimit ask for');
  }
  fields.finish();
  return block;
}

function expectHash(fields: Fields, name: 'hash' | 'merkleRoot', computed: Hash256): void {
  const stated = fields.hash(name);
  if (stated === computed) return;
  fields.fail(
    name,
    `is ${hashToHex(stated)}, but the fields of the block give ${hashToHex(computed)}: one of them is wrong`,
  );
}

function readFixedSeeds(fields: Fields): readonly string[] {
  const seeds = fields.texts('fixedSeeds');
  for (const seed of seeds) if (!SEED_PATTERN.test(seed)) fields.fail('fixedSeeds', `holds "${seed}"`);
  return seeds;
}

function readPrefixes(fields: Fields): AddressPrefixes {
  const extKey = (name: string): number =>
    Number.parseInt(bytesToHex(fields.hex(name, EXT_KEY_PREFIX_BYTES)), 16);
  const prefixes = {
    pubKeyHash: fields.integer('pubKeyHash', 0, 0xff),
    scriptHash: fields.integer('scriptHash', 0, 0xff),
    secretKey: fields.integer('secretKey', 0, 0xff),
    extPublicKey: extKey('extPublicKey'),
    extSecretKey: extKey('extSecretKey'),
    bech32: fields.text('bech32'),
  };
  if (!HRP_PATTERN.test(prefixes.bech32)) fields.fail('bech32', 'is not 1 to 20 of a-z and 0-9');
  fields.finish();
  return prefixes;
}

function readBuried(fields: Fields): Record<BuriedDeployment, number> {
  const heights = BURIED_DEPLOYMENTS.map(name => [name, fields.integer(name, 0, INT32_MAX)] as const);
  fields.finish();
  return Object.fromEntries(heights) as Record<BuriedDeployment, number>;
}

function readDeployment(fields: Fields): VersionBitsDeployment {
  const deployment = {
    name: fields.text('name'),
    bit: fields.integer('bit', 0, 28),
    startTime: fields.integer('startTime', NEVER_ACTIVE, Number.MAX_SAFE_INTEGER),
    timeout: fields.isNull('timeout')
      ? Number.MAX_SAFE_INTEGER
      : fields.integer('timeout', NEVER_ACTIVE, Number.MAX_SAFE_INTEGER),
    minActivationHeight: fields.integer('minActivationHeight', 0, INT32_MAX),
    period: fields.integer('period', 1, INT32_MAX),
    threshold: fields.integer('threshold', 1, INT32_MAX),
  };
  fields.finish();
  return deployment;
}

function readFlagExceptions(fields: Fields): Map<BlockHash, readonly ScriptFlag[]> {
  return new Map(
    fields.names().map(hash => {
      const flags = fields.texts(hash);
      for (const flag of flags) {
        if (!Object.hasOwn(SCRIPT_FLAGS, flag))
          fields.fail(hash, `names a script flag that does not exist: ${flag}`);
      }
      return [parseHash(fields, hash, hash), flags as readonly ScriptFlag[]];
    }),
  );
}

function readHeights(fields: Fields): Map<number, BlockHash> {
  return new Map(
    fields.names().map(height => {
      if (!/^\d{1,9}$/.test(height)) fields.fail(height, 'is not a height');
      return [Number(height), fields.hash<BlockHash>(height)];
    }),
  );
}

function parseHash(fields: Fields, name: string, text: string): BlockHash {
  return text.length === 64 && isHex(text) ? hexToHash(text) : fields.fail(name, 'is not a block hash');
}

function readOptionalHash(fields: Fields, name: string): BlockHash | null {
  return fields.isNull(name) ? null : fields.hash<BlockHash>(name);
}

function readPresync(fields: Fields): ChainParams['presync'] {
  const presync = {
    commitmentPeriod: fields.integer('commitmentPeriod', 1, INT32_MAX),
    redownloadBufferSize: fields.integer('redownloadBufferSize', 1, INT32_MAX),
  };
  fields.finish();
  return presync;
}

function readAssumeUtxo(fields: Fields): AssumeUtxo {
  const entry = {
    height: fields.integer('height', 1, INT32_MAX),
    blockHash: fields.hash<BlockHash>('blockHash'),
    hashSerialized: fields.hash('hashSerialized'),
    chainTxCount: fields.integer('chainTxCount', 1, Number.MAX_SAFE_INTEGER),
  };
  fields.finish();
  return entry;
}

function readTxData(fields: Fields): ChainParams['chainTxData'] {
  const data = {
    time: fields.integer('time', 0, UINT32_MAX),
    txCount: fields.integer('txCount', 0, Number.MAX_SAFE_INTEGER),
    txRate: fields.decimal('txRate'),
  };
  fields.finish();
  return data;
}
