/** PSBTs as `decodepsbt` shows them (Core: decodepsbt in rpc/rawtransaction.cpp). */
import { binaryToBytes, bytesToHex, hashToHex } from '../base/bytes.ts';
import { isMoney } from '../consensus/amount.ts';
import type { ChainParams } from '../consensus/params.ts';
import { encodeBase58Check } from '../crypto/base58.ts';
import type { Proprietary } from '../psbt/field-kinds.ts';
import { xpubOrder } from '../psbt/global-fields.ts';
import { type PsbtInput, signatureOrder, tapScriptOrder } from '../psbt/input-fields.ts';
import { sorted } from '../psbt/key-map.ts';
import { musigShareOrder } from '../psbt/musig-fields.ts';
import type { PsbtOutput } from '../psbt/output-fields.ts';
import { outPointOf, type Psbt, unsignedTxOf } from '../psbt/psbt.ts';
import { type KeyOrigin, pathText } from '../script/descriptor-key.ts';
import { scriptToAsm } from '../script/opcodes.ts';
import type { KeyWithOrigin, MusigParticipants, TapKeyUse, TapScript } from '../script/signature-data.ts';
import { exactValue, type TxOutput } from '../wire/transaction.ts';
import { amount, JsonObject, type JsonOut } from './json.ts';
import { hashTypeName } from './raw-signing.ts';
import { scriptToJson, txToJson } from './tx-json.ts';

type Members = { readonly [name: string]: JsonOut };

export function psbtToJson(psbt: Psbt, params: ChainParams): Members {
  const isV2 = psbt.version === 2;
  const { txModifiable } = psbt;
  const flag = (bit: number) => (isV2 && txModifiable !== undefined ? (txModifiable & bit) !== 0 : undefined);
  const fee = feeOf(psbt);
  return {
    tx: isV2 ? undefined : txToJson(unsignedTxOf(psbt), params),
    global_xpubs: xpubsToJson(psbt),
    tx_version: isV2 ? psbt.txVersion : undefined,
    fallback_locktime: isV2 ? psbt.fallbackLockTime : undefined,
    input_count: isV2 ? psbt.inputs.length : undefined,
    output_count: isV2 ? psbt.outputs.length : undefined,
    inputs_modifiable: flag(1),
    outputs_modifiable: flag(2),
    has_sighash_single: flag(4),
    psbt_version: psbt.version,
    proprietary: proprietaryToJson(psbt.proprietary),
    unknown: hexByHex(psbt.unknown),
    inputs: psbt.inputs.map(input => inputToJson(input, psbt, params)),
    outputs: psbt.outputs.map(output => outputToJson(output, psbt, params)),
    fee: fee === undefined ? undefined : amount(fee),
  };
}

function inputToJson(input: PsbtInput, psbt: Psbt, params: ChainParams): Members {
  const { witnessUtxo, nonWitnessUtxo, hashType } = input;
  const isV2 = psbt.version === 2;
  return {
    witness_utxo: witnessUtxo && {
      amount: amount(exactValue(witnessUtxo)),
      scriptPubKey: scriptToJson(witnessUtxo.scriptPubKey, params),
    },
    non_witness_utxo: nonWitnessUtxo && txToJson(nonWitnessUtxo, params),
    partial_signatures: orAbsent(
      input.partialSignatures,
      () =>
        new JsonObject(
          sorted(input.partialSignatures, signatureOrder).map(([, { publicKey, signature }]) => [
            bytesToHex(publicKey),
            bytesToHex(signature),
          ]),
        ),
    ),
    sighash: hashType === undefined ? undefined : (hashTypeName(hashType & 0xff) ?? ''),
    redeem_script: input.redeemScript && bareScriptToJson(input.redeemScript, params),
    witness_script: input.witnessScript && bareScriptToJson(input.witnessScript, params),
    bip32_derivs: derivationsToJson(input.bip32Derivations),
    final_scriptSig: input.finalScriptSig && {
      asm: scriptToAsm(input.finalScriptSig, 'scriptSig'),
      hex: bytesToHex(input.finalScriptSig),
    },
    final_scriptwitness: input.finalWitness?.map(bytesToHex),
    ripemd160_preimages: orAbsent(input.ripemd160, hexByHex),
    sha256_preimages: orAbsent(input.sha256, hexByHex),
    hash160_preimages: orAbsent(input.hash160, hexByHex),
    hash256_preimages: orAbsent(input.hash256, hexByHex),
    previous_txid: isV2 ? hashToHex(outPointOf(input).txid) : undefined,
    previous_vout: isV2 ? outPointOf(input).index : undefined,
    sequence: isV2 ? input.sequence : undefined,
    time_locktime: input.timeLock,
    height_locktime: input.heightLock,
    taproot_key_path_sig: input.tapKeySignature && bytesToHex(input.tapKeySignature),
    taproot_script_path_sigs: orAbsent(input.tapScriptSignatures, signatures =>
      sorted(signatures, undefined).map(([name, signature]) => ({
        pubkey: hexOf(name.slice(0, 32)),
        leaf_hash: hexOf(name.slice(32)),
        sig: bytesToHex(signature),
      })),
    ),
    taproot_scripts: orAbsent(input.tapScripts, tapScriptsToJson),
    taproot_bip32_derivs: tapDerivationsToJson(input.tapDerivations),
    taproot_internal_key: input.tapInternalKey && bytesToHex(input.tapInternalKey),
    taproot_merkle_root: input.tapMerkleRoot && bytesToHex(input.tapMerkleRoot),
    musig2_participant_pubkeys: orAbsent(input.musigParticipants, participantsToJson),
    musig2_pubnonces: orAbsent(input.musigNonces, shares => sharesToJson(shares, 'pubnonce')),
    musig2_partial_sigs: orAbsent(input.musigSignatures, shares => sharesToJson(shares, 'partial_sig')),
    proprietary: orAbsent(input.proprietary, proprietaryToJson),
    unknown: orAbsent(input.unknown, hexByHex),
  };
}

function outputToJson(output: PsbtOutput, psbt: Psbt, params: ChainParams): Members {
  const isV2 = psbt.version === 2;
  return {
    redeem_script: output.redeemScript && bareScriptToJson(output.redeemScript, params),
    witness_script: output.witnessScript && bareScriptToJson(output.witnessScript, params),
    bip32_derivs: derivationsToJson(output.bip32Derivations),
    amount: isV2 ? amount(output.amount!) : undefined,
    script: isV2 ? scriptToJson(output.script!, params) : undefined,
    taproot_internal_key: output.tapInternalKey && bytesToHex(output.tapInternalKey),
    taproot_tree: output.tapTree?.map(({ depth, leafVersion, script }) => ({
      depth,
      leaf_ver: leafVersion,
      script: bytesToHex(script),
    })),
    taproot_bip32_derivs: tapDerivationsToJson(output.tapDerivations),
    musig2_participant_pubkeys: orAbsent(output.musigParticipants, participantsToJson),
    proprietary: orAbsent(output.proprietary, proprietaryToJson),
    unknown: orAbsent(output.unknown, hexByHex),
  };
}

/** Undefined unless everything that is spent is known and no amount is out of range. */
function feeOf(psbt: Psbt): bigint | undefined {
  let [valueIn, valueOut] = [0n, 0n];
  for (const input of psbt.inputs) {
    const spent: TxOutput | undefined =
      input.nonWitnessUtxo?.outputs[outPointOf(input).index] ?? input.witnessUtxo;
    if (spent === undefined) return undefined;
    valueIn += exactValue(spent);
    if (!isMoney(spent.value) || !isMoney(Number(valueIn))) return undefined;
  }
  for (const { amount: value } of psbt.outputs) {
    valueOut += value!;
    if (!isMoney(Number(value)) || !isMoney(Number(valueOut))) return undefined;
  }
  return valueIn - valueOut;
}

function xpubsToJson(psbt: Psbt): JsonOut {
  return sorted(psbt.xpubs, xpubOrder).map(([name, { origin }]) => ({
    xpub: encodeBase58Check(binaryToBytes(name)),
    master_fingerprint: bytesToHex(origin.fingerprint),
    path: pathOf(origin),
  }));
}

function bareScriptToJson(script: Uint8Array, params: ChainParams): Members {
  const { address: _, desc: __, ...rest } = scriptToJson(script, params);
  return rest;
}

function derivationsToJson(derivations: ReadonlyMap<string, KeyWithOrigin>): JsonOut {
  return orAbsent(derivations, entries =>
    sorted(entries, undefined).map(([, { publicKey, origin }]) => ({
      pubkey: bytesToHex(publicKey),
      master_fingerprint: bytesToHex(origin.fingerprint),
      path: pathOf(origin),
    })),
  );
}

function tapDerivationsToJson(derivations: ReadonlyMap<string, TapKeyUse>): JsonOut {
  return orAbsent(derivations, entries =>
    sorted(entries, undefined).map(([xOnly, { leafHashes, origin }]) => ({
      pubkey: hexOf(xOnly),
      master_fingerprint: bytesToHex(origin.fingerprint),
      path: pathOf(origin),
      leaf_hashes: [...leafHashes].sort().map(hexOf),
    })),
  );
}

function tapScriptsToJson(scripts: ReadonlyMap<string, TapScript>): JsonOut {
  const shown: { script: string; leaf_ver: number; control_blocks: string[] }[] = [];
  for (const [control, { script, leafVersion }] of sorted(scripts, tapScriptOrder)) {
    const [hex, last] = [bytesToHex(script), shown.at(-1)];
    if (last?.script === hex && last.leaf_ver === leafVersion) last.control_blocks.push(hexOf(control));
    else shown.push({ script: hex, leaf_ver: leafVersion, control_blocks: [hexOf(control)] });
  }
  return shown;
}

function participantsToJson(participants: ReadonlyMap<string, MusigParticipants>): JsonOut {
  return sorted(participants, undefined).map(([aggregate, keys]) => ({
    aggregate_pubkey: hexOf(aggregate),
    participant_pubkeys: keys.map(bytesToHex),
  }));
}

function sharesToJson(shares: ReadonlyMap<string, Uint8Array>, name: string): JsonOut {
  return sorted(shares, musigShareOrder).map(([key, share]) => ({
    participant_pubkey: hexOf(key.slice(0, 33)),
    aggregate_pubkey: hexOf(key.slice(33, 66)),
    leaf_hash: key.length > 66 ? hexOf(key.slice(66)) : undefined,
    [name]: bytesToHex(share),
  }));
}

function proprietaryToJson(entries: ReadonlyMap<string, Proprietary>): JsonOut {
  return sorted(entries, undefined).map(([key, { identifier, subtype, value }]) => ({
    identifier: bytesToHex(identifier),
    subtype,
    key: `fc${hexOf(key)}`,
    value: bytesToHex(value),
  }));
}

function hexByHex(entries: ReadonlyMap<string, Uint8Array>): JsonObject {
  return new JsonObject(sorted(entries, undefined).map(([key, value]) => [hexOf(key), bytesToHex(value)]));
}

function orAbsent<E>(
  entries: ReadonlyMap<string, E>,
  show: (entries: ReadonlyMap<string, E>) => JsonOut,
): JsonOut {
  return entries.size === 0 ? undefined : show(entries);
}

function pathOf({ path }: KeyOrigin): string {
  return `m${pathText(path, 'h')}`;
}

function hexOf(binary: string): string {
  return bytesToHex(binaryToBytes(binary));
}
