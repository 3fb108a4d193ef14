/**
 * Taproot and tapscript: the script assets that Bitcoin Core's functional test generates (spends that succeed, and the
 * same spends spoilt), and the wallet vectors of BIP341.
 */
import { expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/base/bytes.ts';
import {
  publicKeyOf,
  signSchnorr,
  taprootTweakPublicKey,
  taprootTweakSecretKey,
} from '../../src/crypto/keys.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { parseFlags, SCRIPT_FLAGS } from '../../src/script/flags.ts';
import { PrecomputedTx } from '../../src/script/sighash.ts';
import { tapBranchHash, tapLeafHash, taprootMerkleRoot } from '../../src/script/taproot.ts';
import { taprootSignatureHash } from '../../src/script/taproot-sighash.ts';
import { verifyInputRange } from '../../src/script/verify.ts';
import { Reader } from '../../src/wire/codec.ts';
import { decodeTransaction, readOutput, type TxOutput } from '../../src/wire/transaction.ts';
import { randomFlags } from '../support/script-flags.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

const ASSETS = 2_760;
const ASSETS_WITH_FAILURE = 1_777 + 706;

const verifier = loadVerifierSync('auto');

interface Unlocking {
  readonly scriptSig: string;
  readonly witness: readonly string[];
}

interface Asset {
  readonly tx: string;
  readonly prevouts: readonly string[];
  readonly index: number;
  readonly flags: string;
  readonly final?: boolean;
  readonly success?: Unlocking;
  readonly failure?: Unlocking;
  readonly comment: string;
}

describeShared('taproot script assets', () => {
  const assets = readSharedJson<Asset[]>('vectors/taproot-script-assets/assets-btcd.json.gz');

  test('what must pass passes, with fewer flags too', () => {
    expect(assets.length).toBe(ASSETS);
    assets.forEach((asset, i) => {
      const own = parseFlags(asset.flags);
      const fewer = randomFlags(i, 2).map(random => withConditions(own & random));
      // A "final" spend is valid whatever soft fork comes: under all consensus flags.
      const all = asset.final ? [own | SCRIPT_FLAGS.TAPROOT, own, ...fewer] : [own, ...fewer];
      for (const flags of all)
        expect(verifyAsset(asset, asset.success!, flags), asset.comment).toBe(undefined);
    });
  });

  test('what must fail fails', () => {
    const failing = assets.filter(asset => asset.failure !== undefined);
    expect(failing.length).toBe(ASSETS_WITH_FAILURE);
    for (const asset of failing) {
      const own = parseFlags(asset.flags);
      for (const flags of new Set([own, own | SCRIPT_FLAGS.TAPROOT])) {
        expect(verifyAsset(asset, asset.failure!, flags), asset.comment).toBeTypeOf('string');
      }
    }
  });
});

interface WalletVectors {
  readonly scriptPubKey: readonly {
    readonly given: { readonly internalPubkey: string; readonly scriptTree: ScriptTree | null };
    readonly intermediary: { readonly merkleRoot: string | null; readonly tweakedPubkey: string };
    readonly expected: {
      readonly scriptPubKey: string;
      readonly scriptPathControlBlocks?: readonly string[];
    };
  }[];
  readonly keyPathSpending: readonly {
    readonly given: {
      readonly rawUnsignedTx: string;
      readonly utxosSpent: readonly { readonly scriptPubKey: string; readonly amountSats: number }[];
    };
    readonly intermediary: {
      readonly hashAmounts: string;
      readonly hashOutputs: string;
      readonly hashPrevouts: string;
      readonly hashScriptPubkeys: string;
      readonly hashSequences: string;
    };
    readonly inputSpending: readonly {
      readonly given: {
        readonly txinIndex: number;
        readonly internalPrivkey: string;
        readonly merkleRoot: string | null;
        readonly hashType: number;
      };
      readonly intermediary: { readonly internalPubkey: string; readonly sigHash: string };
      readonly expected: { readonly witness: readonly string[] };
    }[];
  }[];
}
type ScriptTree =
  | { readonly script: string; readonly leafVersion: number }
  | readonly [ScriptTree, ScriptTree];

describeShared('BIP341 wallet vectors', () => {
  const vectors = readSharedJson<WalletVectors>('vectors/core/bip341_wallet_vectors.json');

  test('merkle roots, output keys and control blocks', () => {
    expect(vectors.scriptPubKey.length).toBe(7);
    for (const { given, intermediary, expected } of vectors.scriptPubKey) {
      const internalKey = hexToBytes(given.internalPubkey);
      const leaves: { hash: Uint8Array }[] = [];
      const root = given.scriptTree === null ? undefined : treeHash(given.scriptTree, leaves);
      expect(root === undefined ? null : bytesToHex(root)).toBe(intermediary.merkleRoot);
      const output = taprootTweakPublicKey(internalKey, root)!;
      expect(bytesToHex(output.key)).toBe(intermediary.tweakedPubkey);
      expect(`5120${bytesToHex(output.key)}`).toBe(expected.scriptPubKey);
      expected.scriptPathControlBlocks?.forEach((hex, i) => {
        const control = hexToBytes(hex);
        expect(bytesToHex(taprootMerkleRoot(control, leaves[i]!.hash))).toBe(bytesToHex(root!));
        expect(control[0]! & 1).toBe(output.parity);
      });
    }
  });

  test('signature hashes and signatures of the key path', () => {
    const [{ given, intermediary, inputSpending }] = vectors.keyPathSpending as [
      WalletVectors['keyPathSpending'][number],
    ];
    const spent: TxOutput[] = given.utxosSpent.map(utxo => ({
      value: utxo.amountSats,
      scriptPubKey: hexToBytes(utxo.scriptPubKey),
    }));
    const precomputed = new PrecomputedTx(decodeTransaction(hexToBytes(given.rawUnsignedTx)), spent);
    expect(bytesToHex(precomputed.spentAmounts)).toBe(intermediary.hashAmounts);
    expect(bytesToHex(precomputed.outputs)).toBe(intermediary.hashOutputs);
    expect(bytesToHex(precomputed.prevouts)).toBe(intermediary.hashPrevouts);
    expect(bytesToHex(precomputed.spentScripts)).toBe(intermediary.hashScriptPubkeys);
    expect(bytesToHex(precomputed.sequences)).toBe(intermediary.hashSequences);
    expect(inputSpending.length).toBe(7);
    for (const input of inputSpending) {
      const { txinIndex, internalPrivkey, merkleRoot, hashType } = input.given;
      const secret = hexToBytes(internalPrivkey);
      expect(bytesToHex(publicKeyOf(secret).subarray(1))).toBe(input.intermediary.internalPubkey);
      const hash = taprootSignatureHash(precomputed, txinIndex, hashType, {
        annexHash: undefined,
        leafHash: undefined,
        codeSeparatorPosition: 0xffff_ffff,
      })!;
      expect(bytesToHex(hash)).toBe(input.intermediary.sigHash);
      const tweaked = taprootTweakSecretKey(secret, merkleRoot === null ? undefined : hexToBytes(merkleRoot));
      const signature = signSchnorr(hash, tweaked, new Uint8Array(32));
      const item = hashType === 0 ? signature : concatBytes(signature, Uint8Array.of(hashType));
      expect([bytesToHex(item)]).toEqual(input.expected.witness);
    }
  });
});

function verifyAsset(asset: Asset, unlocking: Unlocking, flags: number): string | undefined {
  const unsigned = decodeTransaction(hexToBytes(asset.tx));
  const inputs = unsigned.inputs.map((input, i) =>
    i !== asset.index
      ? input
      : {
          ...input,
          scriptSig: hexToBytes(unlocking.scriptSig),
          witness: unlocking.witness.map(hexToBytes),
        },
  );
  const { version, outputs, lockTime } = unsigned;
  const spent = asset.prevouts.map(hex => readOutput(new Reader(hexToBytes(hex))));
  const precomputed = new PrecomputedTx({ version, inputs, outputs, lockTime }, spent);
  return verifyInputRange(precomputed, flags, verifier, asset.index, asset.index + 1)?.error;
}

/** Combinations that can be in force: no taproot without segwit, no segwit without P2SH. */
function withConditions(flags: number): number {
  if (!(flags & SCRIPT_FLAGS.P2SH)) flags &= ~SCRIPT_FLAGS.WITNESS;
  if (!(flags & SCRIPT_FLAGS.WITNESS)) flags &= ~SCRIPT_FLAGS.TAPROOT;
  return flags;
}

function treeHash(tree: ScriptTree, leaves: { hash: Uint8Array }[]): Uint8Array {
  if (isBranch(tree)) return tapBranchHash(treeHash(tree[0], leaves), treeHash(tree[1], leaves));
  const hash = tapLeafHash(tree.leafVersion, hexToBytes(tree.script));
  leaves.push({ hash });
  return hash;
}

function isBranch(tree: ScriptTree): tree is readonly [ScriptTree, ScriptTree] {
  return Array.isArray(tree);
}
