/** Who owns outputs of a made chain, by kind: the script to pay to, and how its coins are spent. */
import { concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import type { Random } from '../../src/base/random.ts';
import { hash160 } from '../../src/crypto/hashes.ts';
import {
  isValidSecretKey,
  publicKeyOf,
  signEcdsa,
  signSchnorr,
  taprootTweakPublicKey,
  taprootTweakSecretKey,
} from '../../src/crypto/keys.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import { SIGHASH_ALL, SIGHASH_DEFAULT } from '../../src/script/encoding.ts';
import { OPCODES, pushData } from '../../src/script/opcodes.ts';
import { legacySignatureHash, type PrecomputedTx, witnessV0SignatureHash } from '../../src/script/sighash.ts';
import { LEAF_VERSION_TAPSCRIPT, tapLeafHash } from '../../src/script/taproot.ts';
import { taprootSignatureHash } from '../../src/script/taproot-sighash.ts';
import {
  multisigScript,
  payToPublicKeyHash,
  payToTaproot,
  payToWitness,
  payToWitnessKeyHash,
} from '../../src/script/templates.ts';

export type OwnerKind = 'p2wpkh' | 'p2pkh' | 'p2wsh-multisig' | 'p2tr-key' | 'p2tr-script';

export interface InputScripts {
  readonly scriptSig: Uint8Array;
  readonly witness: readonly Uint8Array[];
}

export interface Owner {
  readonly scriptPubKey: Uint8Array;
  sign(tx: PrecomputedTx, input: number): InputScripts;
}

/** Makes keys of its own from `random`: the same ones from the same seed. */
export function createOwner(kind: OwnerKind, random: Random): Owner {
  const secret = randomSecret(random);
  const publicKey = publicKeyOf(secret);
  switch (kind) {
    case 'p2wpkh': {
      const code = payToPublicKeyHash(hash160(publicKey));
      return {
        scriptPubKey: payToWitnessKeyHash(publicKey),
        sign: (tx, input) => witnessOf([signV0(tx, input, code, secret), publicKey]),
      };
    }
    case 'p2pkh': {
      const scriptPubKey = payToPublicKeyHash(hash160(publicKey));
      const sign = (tx: PrecomputedTx, input: number): InputScripts => {
        const signature = signEcdsa(legacySignatureHash(tx, input, scriptPubKey, SIGHASH_ALL), secret);
        const whole = concatBytes(signature, Uint8Array.of(SIGHASH_ALL));
        return { scriptSig: concatBytes(pushData(whole), pushData(publicKey)), witness: [] };
      };
      return { scriptPubKey, sign };
    }
    case 'p2wsh-multisig': {
      const secrets = [secret, randomSecret(random), randomSecret(random)];
      const script = multisigScript(
        2,
        secrets.map(each => publicKeyOf(each)),
      );
      return {
        scriptPubKey: payToWitness(0, sha256(script)),
        sign: (tx, input) => {
          // Any two of the three, so that some keys are tried in vain.
          const [first, second] = [
            [0, 1],
            [0, 2],
            [1, 2],
          ][input % 3]!;
          const signatures = [secrets[first!]!, secrets[second!]!].map(each =>
            signV0(tx, input, script, each),
          );
          return witnessOf([EMPTY_BYTES, ...signatures, script]);
        },
      };
    }
    case 'p2tr-key': {
      const tweaked = taprootTweakSecretKey(secret, undefined);
      return {
        scriptPubKey: payToTaproot(taprootTweakPublicKey(publicKey.subarray(1), undefined)!.key),
        sign: (tx, input) => witnessOf([signTaproot(tx, input, tweaked, undefined)]),
      };
    }
    case 'p2tr-script': {
      const leafSecret = randomSecret(random);
      const script = concatBytes(
        pushData(publicKeyOf(leafSecret).subarray(1)),
        Uint8Array.of(OPCODES.OP_CHECKSIG),
      );
      const leafHash = tapLeafHash(LEAF_VERSION_TAPSCRIPT, script);
      const internalKey = publicKey.subarray(1);
      const { key, parity } = taprootTweakPublicKey(internalKey, leafHash)!;
      const control = concatBytes(Uint8Array.of(LEAF_VERSION_TAPSCRIPT + parity), internalKey);
      return {
        scriptPubKey: payToTaproot(key),
        sign: (tx, input) => witnessOf([signTaproot(tx, input, leafSecret, leafHash), script, control]),
      };
    }
  }
}

function randomSecret(random: Random): Uint8Array {
  for (;;) {
    const secret = random.bytes(32);
    if (isValidSecretKey(secret)) return secret;
  }
}

function witnessOf(witness: readonly Uint8Array[]): InputScripts {
  return { scriptSig: EMPTY_BYTES, witness };
}

function signV0(tx: PrecomputedTx, input: number, code: Uint8Array, secret: Uint8Array): Uint8Array {
  const hash = witnessV0SignatureHash(tx, input, code, SIGHASH_ALL);
  return concatBytes(signEcdsa(hash, secret), Uint8Array.of(SIGHASH_ALL));
}

function signTaproot(
  tx: PrecomputedTx,
  input: number,
  secret: Uint8Array,
  leafHash: Uint8Array | undefined,
): Uint8Array {
  const signed = { annexHash: undefined, leafHash, codeSeparatorPosition: 0xffff_ffff };
  return signSchnorr(taprootSignatureHash(tx, input, SIGHASH_DEFAULT, signed)!, secret, new Uint8Array(32));
}
