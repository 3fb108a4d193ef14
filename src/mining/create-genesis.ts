/**
 * The beginning of a chain of one's own: mines its genesis block and gives the file that `--genesis` reads. What it
 * leaves out is as on regtest (consensus/networks.ts); every field but those of the genesis block may be edited.
 */
import { type BlockHash, binaryToBytes, bytesToHex, hashToHex } from '../base/bytes.ts';
import { type GenesisFields, genesisBlock } from '../consensus/genesis-block.ts';
import { NetworkFileError } from '../consensus/network-fields.ts';
import { decodeCompact } from '../consensus/pow.ts';
import { searchNonce } from './solve.ts';

const NONCES = 0x1_0000_0000;
const MAGIC_BYTES = 4;
/** A coinbase's script has 100 bytes at most; bits, a number and the prefix of the message take nine. */
const MESSAGE_BYTES_MAX = 91;
/** OP_RETURN: nobody can spend the first coins anyway. */
const OUTPUT_SCRIPT = Uint8Array.of(0x6a);

export interface CreateGenesisOptions {
  /** Of the chain and of its folder. */
  readonly name: string;
  readonly message: string;
  /** UNIX seconds. */
  readonly time: number;
  /** The target in compact form: of the block, and the easiest one of the chain. */
  readonly bits: number;
  /** Satoshi of a block at first. */
  readonly subsidy: number;
  readonly halvingInterval: number;
  /** Four bytes; by default the first ones of the genesis block's hash. */
  readonly magic?: Uint8Array;
  readonly port: number;
  readonly rpcPort: number;
  readonly address: {
    readonly pubKeyHash: number;
    readonly scriptHash: number;
    readonly secretKey: number;
    readonly bech32: string;
  };
  readonly dnsSeeds: readonly string[];
}

/** What goes into the file, as JSON. Takes 2^256 / target hashes on average. Throws NetworkFileError. */
export function createGenesis(options: CreateGenesisOptions): Record<string, unknown> {
  const powLimit = powLimitOf(options.bits);
  const fields = solve(options, powLimit);
  const { header } = genesisBlock(fields);
  const { message, time, nonce, version, reward, outputScript } = fields;
  return {
    [options.name]: {
      genesis: {
        message,
        time,
        bits: hex(options.bits, 8),
        nonce,
        version,
        reward,
        outputScript: bytesToHex(outputScript),
        hash: hashToHex(header.hash),
        merkleRoot: hashToHex(header.merkleRoot),
      },
      magic: bytesToHex(options.magic ?? magicOf(header.hash)),
      defaultPort: options.port,
      rpcPort: options.rpcPort,
      dnsSeeds: options.dnsSeeds,
      address: options.address,
      powLimit: hex(powLimit, 64),
      subsidyInitial: options.subsidy,
      subsidyHalvingInterval: options.halvingInterval,
    },
  };
}

function solve({ message, time, bits, subsidy }: CreateGenesisOptions, powLimit: bigint): GenesisFields {
  const length = Buffer.byteLength(message, 'utf8');
  if (length > MESSAGE_BYTES_MAX) {
    throw new NetworkFileError(`The message has ${length} bytes; ${MESSAGE_BYTES_MAX} fit into a coinbase`);
  }
  const { target } = decodeCompact(bits);
  const outputScript = OUTPUT_SCRIPT;
  const fields = { message, time, bits, nonce: 0, version: 1, reward: subsidy, outputScript };
  // When no nonce of a second will do, the next second is as good.
  for (;;) {
    const nonce = searchNonce(genesisBlock(fields).header, target < powLimit ? target : powLimit, {
      first: 0,
      count: NONCES,
    });
    if (nonce !== undefined) return { ...fields, nonce };
    fields.time += 1;
  }
}

/** The largest target with the same leading bits: 7fff…ff for 207fffff, as Core's limits are written. */
function powLimitOf(bits: number): bigint {
  const { target, isNegative, isOverflow } = decodeCompact(bits);
  if (isNegative || isOverflow || target === 0n) {
    throw new NetworkFileError(`The bits ${hex(bits, 8)} stand for no target`);
  }
  const below = Math.max(0, 8 * ((bits >>> 24) - 3));
  return target | ((1n << BigInt(below)) - 1n);
}

function magicOf(hash: BlockHash): Uint8Array {
  return binaryToBytes(hash.slice(0, MAGIC_BYTES));
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
