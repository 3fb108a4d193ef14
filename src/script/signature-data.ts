/**
 * What has been found out and signed for one input, on the way to its scriptSig and witness (Core: SignatureData in
 * src/script/sign.h). Keys of maps are bytes as characters: public keys, x-only keys, control blocks, and the
 * identifiers that PSBTs have.
 */
import { EMPTY_BYTES } from '../base/bytes.ts';
import type { KeyOrigin } from './descriptor-key.ts';
import type { TapLeaf } from './taproot-tree.ts';

export interface KeySignature {
  readonly publicKey: Uint8Array;
  /** With hash type. */
  readonly signature: Uint8Array;
}

export interface KeyWithOrigin {
  readonly publicKey: Uint8Array;
  readonly origin: KeyOrigin;
}

export interface TapKeyUse {
  /** Of the leaves whose scripts have the key; 32 bytes each, as characters. */
  readonly leafHashes: ReadonlySet<string>;
  readonly origin: KeyOrigin;
}

export interface TapScript {
  readonly script: Uint8Array;
  readonly leafVersion: number;
}

/** Public keys that are aggregated, in order (BIP327). */
export type MusigParticipants = readonly Uint8Array[];

export const PREIMAGE_HASHES = ['ripemd160', 'sha256', 'hash160', 'hash256'] as const;
export type PreimageHash = (typeof PREIMAGE_HASHES)[number];

export interface SignatureData {
  isComplete: boolean;
  /** Whether what was produced is a witness. */
  hasWitness: boolean;
  scriptSig: Uint8Array;
  witness: readonly Uint8Array[];
  redeemScript: Uint8Array | undefined;
  witnessScript: Uint8Array | undefined;
  /** By public key. */
  readonly signatures: Map<string, KeySignature>;
  /** By public key. */
  readonly publicKeys: Map<string, KeyWithOrigin>;
  internalKey: Uint8Array | undefined;
  merkleRoot: Uint8Array | undefined;
  /** By control block. */
  readonly tapScripts: Map<string, TapScript>;
  tapTree: readonly TapLeaf[] | undefined;
  tapKeySignature: Uint8Array | undefined;
  /** By x-only key and leaf hash. */
  readonly tapScriptSignatures: Map<string, Uint8Array>;
  /** By x-only key. */
  readonly tapKeys: Map<string, TapKeyUse>;
  /** By aggregate key. */
  readonly musigParticipants: Map<string, MusigParticipants>;
  /** By participant, aggregate key and, in a script, leaf hash (BIP373). */
  readonly musigNonces: Map<string, Uint8Array>;
  readonly musigSignatures: Map<string, Uint8Array>;
  /** By hash function and hash. */
  readonly preimages: Readonly<Record<PreimageHash, Map<string, Uint8Array>>>;
  readonly missing: {
    /** HASH160 of keys. */
    readonly publicKeys: Uint8Array[];
    readonly signatures: Uint8Array[];
    redeemScript: Uint8Array | undefined;
    /** SHA256. */
    witnessScript: Uint8Array | undefined;
  };
}

export function emptySignatureData(): SignatureData {
  return {
    isComplete: false,
    hasWitness: false,
    scriptSig: EMPTY_BYTES,
    witness: [],
    redeemScript: undefined,
    witnessScript: undefined,
    signatures: new Map(),
    publicKeys: new Map(),
    internalKey: undefined,
    merkleRoot: undefined,
    tapScripts: new Map(),
    tapTree: undefined,
    tapKeySignature: undefined,
    tapScriptSignatures: new Map(),
    tapKeys: new Map(),
    musigParticipants: new Map(),
    musigNonces: new Map(),
    musigSignatures: new Map(),
    preimages: { ripemd160: new Map(), sha256: new Map(), hash160: new Map(), hash256: new Map() },
    missing: { publicKeys: [], signatures: [], redeemScript: undefined, witnessScript: undefined },
  };
}
