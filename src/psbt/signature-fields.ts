/** Between a PSBT's inputs and outputs and what signing works on (Core: FillSignatureData, FromSignatureData). */
import { bytesToBinary } from '../base/bytes.ts';
import { isValidXOnlyKey } from '../crypto/keys.ts';
import { emptySignatureData, PREIMAGE_HASHES, type SignatureData } from '../script/signature-data.ts';
import { buildTapTree, controlBlocks } from '../script/taproot-tree.ts';
import type { PsbtInput } from './input-fields.ts';
import type { PsbtOutput } from './output-fields.ts';

export function dataFromInput(input: PsbtInput): SignatureData {
  const data = emptySignatureData();
  if (input.finalScriptSig !== undefined || input.finalWitness !== undefined) {
    data.scriptSig = input.finalScriptSig ?? data.scriptSig;
    data.witness = input.finalWitness ?? data.witness;
    data.isComplete = true;
    return data;
  }
  data.redeemScript = input.redeemScript;
  data.witnessScript = input.witnessScript;
  data.tapKeySignature = input.tapKeySignature;
  data.internalKey = input.tapInternalKey;
  data.merkleRoot = input.tapMerkleRoot;
  fill(data.signatures, input.partialSignatures);
  fill(data.publicKeys, input.bip32Derivations);
  fill(data.tapScriptSignatures, input.tapScriptSignatures);
  fill(data.tapScripts, input.tapScripts);
  fill(data.tapKeys, input.tapDerivations);
  fill(data.musigParticipants, input.musigParticipants);
  fill(data.musigNonces, input.musigNonces);
  fill(data.musigSignatures, input.musigSignatures);
  for (const hash of PREIMAGE_HASHES) fill(data.preimages[hash], input[hash]);
  return data;
}

/** `input` with what has become known; of a complete one only scriptSig and witness remain. */
export function inputWith(input: PsbtInput, data: SignatureData): PsbtInput {
  if (data.isComplete) {
    return {
      ...input,
      partialSignatures: new Map(),
      bip32Derivations: new Map(),
      redeemScript: undefined,
      witnessScript: undefined,
      finalScriptSig: data.scriptSig.length > 0 ? data.scriptSig : input.finalScriptSig,
      finalWitness: data.witness.length > 0 ? data.witness : input.finalWitness,
    };
  }
  const preimages = Object.fromEntries(
    PREIMAGE_HASHES.map(hash => [hash, joined(input[hash], data.preimages[hash])]),
  ) as Pick<PsbtInput, (typeof PREIMAGE_HASHES)[number]>;
  return {
    ...input,
    ...preimages,
    partialSignatures: joined(input.partialSignatures, data.signatures),
    redeemScript: input.redeemScript ?? data.redeemScript,
    witnessScript: input.witnessScript ?? data.witnessScript,
    bip32Derivations: joined(input.bip32Derivations, data.publicKeys),
    tapKeySignature: data.tapKeySignature ?? input.tapKeySignature,
    tapScriptSignatures: joined(input.tapScriptSignatures, data.tapScriptSignatures),
    tapInternalKey: data.internalKey ?? input.tapInternalKey,
    tapMerkleRoot: data.merkleRoot ?? input.tapMerkleRoot,
    tapScripts: joined(input.tapScripts, data.tapScripts),
    tapDerivations: joined(input.tapDerivations, data.tapKeys),
    musigParticipants: joined(input.musigParticipants, data.musigParticipants),
    musigNonces: joined(input.musigNonces, data.musigNonces),
    musigSignatures: joined(input.musigSignatures, data.musigSignatures),
  };
}

export function dataFromOutput(output: PsbtOutput): SignatureData {
  const data = emptySignatureData();
  data.redeemScript = output.redeemScript;
  data.witnessScript = output.witnessScript;
  fill(data.publicKeys, output.bip32Derivations);
  fill(data.tapKeys, output.tapDerivations);
  fill(data.musigParticipants, output.musigParticipants);
  const { tapTree, tapInternalKey } = output;
  if (tapTree !== undefined && tapInternalKey !== undefined && isValidXOnlyKey(tapInternalKey)) {
    const tree = buildTapTree(tapTree);
    data.internalKey = tapInternalKey;
    data.merkleRoot = tree.merkleRoot;
    data.tapTree = tapTree;
    for (const [i, control] of controlBlocks(tapInternalKey, tapTree, tree).entries()) {
      const { script, leafVersion } = tapTree[i]!;
      data.tapScripts.set(bytesToBinary(control), { script, leafVersion });
    }
  }
  return data;
}

export function outputWith(output: PsbtOutput, data: SignatureData): PsbtOutput {
  return {
    ...output,
    redeemScript: output.redeemScript ?? data.redeemScript,
    witnessScript: output.witnessScript ?? data.witnessScript,
    bip32Derivations: joined(output.bip32Derivations, data.publicKeys),
    tapInternalKey: data.internalKey ?? output.tapInternalKey,
    // Core's builder hands the leaves out from right to left; the tree stays the same.
    tapTree: data.tapTree?.length ? [...data.tapTree].reverse() : output.tapTree,
    tapDerivations: joined(output.tapDerivations, data.tapKeys),
    musigParticipants: joined(output.musigParticipants, data.musigParticipants),
  };
}

function fill<E>(target: Map<string, E>, entries: ReadonlyMap<string, E>): void {
  for (const [name, entry] of entries) target.set(name, entry);
}

/** What was there stays. */
function joined<E>(own: ReadonlyMap<string, E>, more: ReadonlyMap<string, E>): ReadonlyMap<string, E> {
  return more.size === 0 ? own : new Map([...more, ...own]);
}
