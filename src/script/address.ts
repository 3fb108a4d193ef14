/**
 * Addresses and private keys as people exchange them (Core: src/key_io.cpp). Which network they belong to is told by
 * prefixes; Core's texts say what is wrong with an address.
 */
import { concatBytes } from '../base/bytes.ts';
import { decodeBase58, decodeBase58Check, encodeBase58Check } from '../crypto/base58.ts';
import { decodeBech32, encodeSegwitAddress, groupsToBytes, locateBech32Errors } from '../crypto/bech32.ts';
import { isValidSecretKey } from '../crypto/keys.ts';
import {
  payToPublicKeyHash,
  payToScriptHash,
  payToWitness,
  solveScript,
  WITNESS_PROGRAM_BYTES_MAX,
  WITNESS_PROGRAM_BYTES_MIN,
} from './templates.ts';

/** What of a network's parameters is seen in texts (Core: base58Prefixes, bech32_hrp). */
export interface KeyPrefixes {
  readonly pubKeyHash: number;
  readonly scriptHash: number;
  readonly secretKey: number;
  /** Four bytes as one number, such as 0x0488b21e. */
  readonly extPublicKey: number;
  readonly extSecretKey: number;
  readonly bech32: string;
}

/** The text is not an address of this network; the message is Core's. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
  /** Indices of characters that are probably wrong; Bech32 only. */
  readonly errorLocations: readonly number[];

  constructor(message: string, errorLocations: readonly number[] = []) {
    super(message);
    this.errorLocations = errorLocations;
  }
}

export interface SecretKeyText {
  readonly secretKey: Uint8Array;
  /** Whether its public key is to be used in compressed form. */
  readonly compressed: boolean;
}

const HASH_BYTES = 20;
/** Base58 text is still looked at when it decodes to at most this many bytes, to say what is wrong with it. */
const BASE58_LOOK_BYTES_MAX = 100;
const WITNESS_VERSION_MAX = 16;

/** The address of an output script; undefined for scripts that have none (bare keys and multisig, data, unknown). */
export function encodeAddress(scriptPubKey: Uint8Array, prefixes: KeyPrefixes): string | undefined {
  const template = solveScript(scriptPubKey);
  switch (template.type) {
    case 'pubkeyhash':
      return encodeBase58Check(concatBytes(Uint8Array.of(prefixes.pubKeyHash), template.hash));
    case 'scripthash':
      return encodeBase58Check(concatBytes(Uint8Array.of(prefixes.scriptHash), template.hash));
    case 'witness_v0_keyhash':
    case 'witness_v0_scripthash':
      return encodeSegwitAddress(prefixes.bech32, 0, template.hash);
    case 'witness_v1_taproot':
      return encodeSegwitAddress(prefixes.bech32, 1, template.outputKey);
    case 'anchor':
      return encodeSegwitAddress(prefixes.bech32, 1, scriptPubKey.subarray(2));
    case 'witness_unknown':
      return encodeSegwitAddress(prefixes.bech32, template.version, template.program);
    case 'pubkey':
    case 'multisig':
    case 'nulldata':
    case 'nonstandard':
      return undefined;
  }
}

/** The output script that `text` stands for; throws AddressError. */
export function decodeAddress(text: string, prefixes: KeyPrefixes): { readonly scriptPubKey: Uint8Array } {
  // Characters are bytes, as in Core: error locations count bytes of UTF-8.
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  const isBech32 = bytes.slice(0, prefixes.bech32.length).toLowerCase() === prefixes.bech32;
  return { scriptPubKey: isBech32 ? fromBech32(bytes, prefixes.bech32) : fromBase58(bytes, prefixes) };
}

/** The wallet import format: 52 characters, or 51 for a key used uncompressed. */
export function encodeSecretKey(
  secretKey: Uint8Array,
  options: { compressed: boolean },
  prefixes: KeyPrefixes,
): string {
  const tail = options.compressed ? Uint8Array.of(1) : new Uint8Array(0);
  return encodeBase58Check(concatBytes(Uint8Array.of(prefixes.secretKey), secretKey, tail));
}

/** Undefined unless `text` is a valid key of this network (Core: DecodeSecret). */
export function decodeSecretKey(text: string, prefixes: KeyPrefixes): SecretKeyText | undefined {
  const payload = decodeBase58Check(text, 34);
  if (payload === undefined || payload[0] !== prefixes.secretKey) return undefined;
  const compressed = payload.length === 34 && payload[33] === 1;
  if (!compressed && payload.length !== 33) return undefined;
  const secretKey = payload.slice(1, 33);
  return isValidSecretKey(secretKey) ? { secretKey, compressed } : undefined;
}

function fromBase58(text: string, prefixes: KeyPrefixes): Uint8Array {
  const payload = decodeBase58Check(text, 1 + HASH_BYTES);
  if (payload === undefined) {
    throw new AddressError(
      decodeBase58(text, BASE58_LOOK_BYTES_MAX) === undefined
        ? 'Invalid or unsupported Segwit (Bech32) or Base58 encoding.'
        : 'Invalid checksum or length of Base58 address (P2PKH or P2SH)',
    );
  }
  const [version] = payload;
  const hash = payload.subarray(1);
  if (version === prefixes.pubKeyHash && hash.length === HASH_BYTES) return payToPublicKeyHash(hash);
  if (version === prefixes.scriptHash && hash.length === HASH_BYTES) return payToScriptHash(hash);
  throw new AddressError(
    version === prefixes.pubKeyHash || version === prefixes.scriptHash
      ? 'Invalid length for Base58 address (P2PKH or P2SH)'
      : 'Invalid or unsupported Base58-encoded address.',
  );
}

function fromBech32(text: string, expectedHrp: string): Uint8Array {
  const decoded = decodeBech32(text);
  if (decoded === undefined) {
    const { message, positions } = locateBech32Errors(text);
    throw new AddressError(message, positions);
  }
  const { encoding, hrp, data } = decoded;
  const version = data[0];
  if (version === undefined) throw new AddressError('Empty Bech32 data section');
  if (hrp !== expectedHrp) {
    throw new AddressError(
      `Invalid or unsupported prefix for Segwit (Bech32) address (expected ${expectedHrp}, got ${hrp}).`,
    );
  }
  if (version === 0 && encoding !== 'bech32') {
    throw new AddressError('Version 0 witness address must use Bech32 checksum');
  }
  if (version !== 0 && encoding !== 'bech32m') {
    throw new AddressError('Version 1+ witness address must use Bech32m checksum');
  }
  const program = groupsToBytes(data.subarray(1));
  if (program === undefined) throw new AddressError('Invalid padding in Bech32 data section');
  const { length } = program;
  const size = `${length} ${length === 1 ? 'byte' : 'bytes'}`;
  if (version === 0 && length !== 20 && length !== 32) {
    throw new AddressError(`Invalid Bech32 v0 address program size (${size}), per BIP141`);
  }
  if (version > WITNESS_VERSION_MAX) throw new AddressError('Invalid Bech32 address witness version');
  if (length < WITNESS_PROGRAM_BYTES_MIN || length > WITNESS_PROGRAM_BYTES_MAX) {
    throw new AddressError(`Invalid Bech32 address program size (${size})`);
  }
  return payToWitness(version, program);
}
