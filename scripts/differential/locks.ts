/**
 * Outputs to be spent, each with its way to be spent: every script of scripts.ts wrapped in every way there is, keys
 * alone, taproot trees, and witness programs without rules.
 */
import { concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { hash160 } from '../../src/crypto/hashes.ts';
import { signSchnorr, taprootTweakPublicKey, taprootTweakSecretKey } from '../../src/crypto/keys.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import { OPCODES, pushData } from '../../src/script/opcodes.ts';
import { legacySignatureHash, type PrecomputedTx, witnessV0SignatureHash } from '../../src/script/sighash.ts';
import { LEAF_VERSION_TAPSCRIPT, tapLeafHash, taprootMerkleRoot } from '../../src/script/taproot.ts';
import { taprootSignatureHash } from '../../src/script/taproot-sighash.ts';
import {
  payToPublicKeyHash, payToTaproot, payToWitness, wrapInScriptHash, wrapInWitnessScriptHash,
} from '../../src/script/templates.ts'; // biome-ignore format: one list
import { Writer } from '../../src/wire/codec.ts';
import type { Dice } from './dice.ts';
import { type InnerScript, oddPush, type ScriptSigner, type TxWishes } from './script-parts.ts';
import { innerScript } from './scripts.ts';
import { ecdsaSignature, hashTypeByte, KEYS } from './signatures.ts';

/** The transaction to sign, with an input of it. */
export interface Signing {
  readonly precomputed: PrecomputedTx;
  readonly input: number;
  readonly dice: Dice;
  /** The chance that a signature is not as it should be. */
  readonly sloppiness: number;
}

export interface Unlocking {
  readonly scriptSig: Uint8Array;
  readonly witness: readonly Uint8Array[];
}

export interface Lock {
  readonly name: string;
  readonly scriptPubKey: Uint8Array;
  readonly wishes: TxWishes;
  unlock(signing: Signing): Unlocking;
}

const ANNEX_TAG = 0x50;
const NO_CODE_SEPARATOR = 0xffff_ffff;

export const ANYONE: Lock = {
  name: 'anyone',
  scriptPubKey: Uint8Array.of(OPCODES.OP_1),
  wishes: {},
  unlock: () => ({ scriptSig: EMPTY_BYTES, witness: [] }),
};

/** What others fed to their fuzzers, to be run as scripts. */
export type Corpus = readonly Uint8Array[];

export function randomLock(dice: Dice, corpus: Corpus = []): Lock {
  const make = dice.weighted<(dice: Dice, corpus: Corpus) => Lock>([
    [18, bare],
    [18, scriptHash],
    [20, witnessScriptHash],
    [8, nestedWitnessScriptHash],
    [5, witnessKeyHash],
    [3, nestedWitnessKeyHash],
    [8, taprootKey],
    [28, taprootScript],
    [4, otherWitness],
    [1, () => ANYONE],
  ]);
  return make(dice, corpus);
}

function bare(dice: Dice, corpus: Corpus): Lock {
  const inner = innerScript(dice, 'base', corpus);
  const unlock = (signing: Signing): Unlocking => {
    const items = inner.items(legacySigner(signing, inner.script), signing.dice);
    return { scriptSig: pushes(signing.dice, items), witness: [] };
  };
  return lock('bare', inner, inner.script, unlock);
}

function scriptHash(dice: Dice, corpus: Corpus): Lock {
  const inner = innerScript(dice, 'base', corpus);
  const unlock = (signing: Signing): Unlocking => {
    const items = inner.items(legacySigner(signing, inner.script), signing.dice);
    return { scriptSig: pushes(signing.dice, [...items, inner.script]), witness: [] };
  };
  return lock('P2SH', inner, wrapInScriptHash(inner.script), unlock);
}

function witnessScriptHash(dice: Dice, corpus: Corpus): Lock {
  const inner = innerScript(dice, 'witness-v0', corpus);
  const unlock = (signing: Signing): Unlocking => {
    const items = inner.items(witnessSigner(signing, inner.script), signing.dice);
    return { scriptSig: EMPTY_BYTES, witness: [...items, inner.script] };
  };
  return lock('P2WSH', inner, wrapInWitnessScriptHash(inner.script), unlock);
}

function nestedWitnessScriptHash(dice: Dice, corpus: Corpus): Lock {
  return nested(witnessScriptHash(dice, corpus));
}

function witnessKeyHash(dice: Dice): Lock {
  const key = dice.pick(KEYS);
  const publicKey = dice.chance(0.9) ? key.compressed : key.uncompressed;
  return {
    name: 'P2WPKH',
    scriptPubKey: payToWitness(0, hash160(publicKey)),
    wishes: {},
    unlock: signing => {
      const signer = witnessSigner(signing, payToPublicKeyHash(hash160(publicKey)));
      return { scriptSig: EMPTY_BYTES, witness: [signer.sign(key), publicKey] };
    },
  };
}

function nestedWitnessKeyHash(dice: Dice): Lock {
  return nested(witnessKeyHash(dice));
}

function nested(within: Lock): Lock {
  return {
    ...within,
    name: `P2SH-${within.name}`,
    scriptPubKey: wrapInScriptHash(within.scriptPubKey),
    unlock: signing => ({ ...within.unlock(signing), scriptSig: pushData(within.scriptPubKey) }),
  };
}

function taprootKey(dice: Dice): Lock {
  const key = dice.pick(KEYS);
  const root = dice.chance(0.5) ? dice.bytes(32) : undefined;
  const output = taprootTweakPublicKey(key.xOnly, root)!;
  const secret = taprootTweakSecretKey(key.secret, root);
  const annex = randomAnnex(dice);
  return {
    name: 'P2TR key',
    scriptPubKey: payToTaproot(output.key),
    wishes: {},
    unlock: signing => {
      const signature = schnorr(signing, secret, {
        annex,
        leafHash: undefined,
        codeSeparator: NO_CODE_SEPARATOR,
      });
      return { scriptSig: EMPTY_BYTES, witness: annex === undefined ? [signature] : [signature, annex] };
    },
  };
}

function taprootScript(dice: Dice, corpus: Corpus): Lock {
  const inner = innerScript(dice, 'tapscript', corpus);
  const leafVersion = dice.chance(0.92) ? LEAF_VERSION_TAPSCRIPT : dice.below(128) * 2;
  const depth = dice.weighted([[5, 0], [4, 1], [3, dice.between(2, 5)], [1, dice.between(126, 129)]] as const); // biome-ignore format: pairs
  const leafHash = tapLeafHash(leafVersion, inner.script);
  const internalKey = dice.pick(KEYS).xOnly;
  const withoutParity = concatBytes(Uint8Array.of(leafVersion), internalKey, dice.bytes(32 * depth));
  const output = taprootTweakPublicKey(internalKey, taprootMerkleRoot(withoutParity, leafHash))!;
  const control = withoutParity.slice();
  control[0]! |= output.parity;
  const annex = randomAnnex(dice);
  const unlock = (signing: Signing): Unlocking => {
    const signer: ScriptSigner = {
      sign: (key, from) =>
        schnorr(signing, key.secret, {
          annex,
          leafHash,
          codeSeparator: from?.instruction ?? NO_CODE_SEPARATOR,
        }),
    };
    const items = inner.items(signer, signing.dice);
    const tail = annex === undefined ? [] : [annex];
    return { scriptSig: EMPTY_BYTES, witness: [...items, inner.script, control, ...tail] };
  };
  return lock('P2TR leaf', inner, payToTaproot(output.key), unlock);
}

function randomAnnex(dice: Dice): Uint8Array | undefined {
  if (!dice.chance(0.12)) return undefined;
  return concatBytes(Uint8Array.of(ANNEX_TAG), dice.bytes(dice.pick([0, 1, 32, 100, 252, 253, 600])));
}

/** Versions and lengths that have no rules yet, or that version 0 forbids, native and within P2SH; and anchors. */
function otherWitness(dice: Dice): Lock {
  const version = dice.between(0, 16);
  const program = dice.chance(0.15)
    ? Uint8Array.of(0x4e, 0x73)
    : dice.bytes(dice.pick([1, 2, 2, 20, 31, 32, 32, 33, 40, 41]));
  if (dice.chance(0.1)) program.fill(0);
  const scriptPubKey = concatBytes(
    Uint8Array.of(version === 0 ? 0 : 0x50 + version),
    dice.chance(0.95) ? pushData(program) : oddPush(dice, program),
  );
  const witness = Array.from({ length: dice.below(3) }, () => dice.bytes(dice.below(4)));
  const within: Lock = {
    name: 'other witness program',
    scriptPubKey,
    wishes: {},
    unlock: () => ({ scriptSig: EMPTY_BYTES, witness }),
  };
  return dice.chance(0.35) ? nested(within) : within;
}

function lock(
  wrapping: string,
  inner: InnerScript,
  scriptPubKey: Uint8Array,
  unlock: (signing: Signing) => Unlocking,
): Lock {
  return { name: `${wrapping} ${inner.name}`, scriptPubKey, wishes: inner.wishes ?? {}, unlock };
}

/** A scriptSig of pushes, not always the shortest ones. */
function pushes(dice: Dice, items: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...items.map(item => {
      if (item.length < 256 && dice.chance(0.02)) return oddPush(dice, item);
      const byte = item[0];
      if (item.length === 1 && byte! >= 1 && byte! <= 16 && dice.chance(0.9))
        return Uint8Array.of(0x50 + byte!);
      return item.length === 1 && byte === 0x81 && dice.chance(0.9) ? Uint8Array.of(0x4f) : pushData(item);
    }),
  );
}

function legacySigner({ precomputed, input, dice, sloppiness }: Signing, script: Uint8Array): ScriptSigner {
  return ecdsaSigner(dice, sloppiness, script, (code, hashType) =>
    legacySignatureHash(precomputed, input, code, hashType),
  );
}

function witnessSigner({ precomputed, input, dice, sloppiness }: Signing, script: Uint8Array): ScriptSigner {
  return ecdsaSigner(dice, sloppiness, script, (code, hashType) =>
    witnessV0SignatureHash(precomputed, input, code, hashType),
  );
}

function ecdsaSigner(
  dice: Dice,
  sloppiness: number,
  script: Uint8Array,
  hashFor: (scriptCode: Uint8Array, hashType: number) => Uint8Array,
): ScriptSigner {
  return {
    sign: (key, from) => {
      const hashType = hashTypeByte(dice);
      const hash = hashFor(script.subarray(from?.byte ?? 0), hashType);
      return ecdsaSignature(dice, hash, key, hashType, sloppiness);
    },
  };
}

interface SchnorrContext {
  readonly annex: Uint8Array | undefined;
  readonly leafHash: Uint8Array | undefined;
  readonly codeSeparator: number;
}

function schnorr(
  { precomputed, input, dice, sloppiness }: Signing,
  secret: Uint8Array,
  { annex, leafHash, codeSeparator }: SchnorrContext,
): Uint8Array {
  const hashType = dice.chance(0.5) ? 0 : dice.pick([1, 2, 3, 0x81, 0x82, 0x83]);
  const hash = taprootSignatureHash(precomputed, input, hashType, {
    annexHash: annex && sha256(withLength(annex)),
    leafHash,
    codeSeparatorPosition: codeSeparator,
  });
  // SINGLE without an output of that number: there is nothing to sign.
  const signature = signSchnorr(hash ?? new Uint8Array(32), secret, new Uint8Array(32));
  if (!dice.chance(sloppiness))
    return hashType === 0 ? signature : concatBytes(signature, Uint8Array.of(hashType));
  return dice.pick<() => Uint8Array>([
    () => concatBytes(signature, Uint8Array.of(dice.pick([0, 4, 0x80, 0x84, 0xff]))),
    () => signature.subarray(0, 63),
    () => concatBytes(signature, dice.bytes(2)),
    () => EMPTY_BYTES,
    () => concatBytes(signature.subarray(0, 32), new Uint8Array(32).fill(255)),
    () => concatBytes(new Uint8Array(32).fill(255), signature.subarray(32)),
    () => concatBytes(dice.bytes(32), signature.subarray(32)),
    () => new Uint8Array(64),
  ])();
}

function withLength(bytes: Uint8Array): Uint8Array {
  const w = new Writer(bytes.length + 9);
  w.compactSize(bytes.length);
  w.put(bytes);
  return w.finish();
}
