/** What `decodepsbt` tells, declared. */
import type { ResultDoc } from './method.ts';
import { res } from './result-doc.ts';
import { scriptFields, txFields } from './tx-json.ts';

const bareScriptFields = [
  res.string('asm', 'the script, disassembled'),
  res.hex('hex', 'the bytes of the script'),
  res.string('type', 'the type of the script, such as pubkeyhash'),
];
const derivationFields = [
  res.string('pubkey', 'the public key'),
  res.string('master_fingerprint', 'the fingerprint of the master key'),
  res.string('path', 'the path from there'),
];
const tapDerivationsDoc = res.array('taproot_bip32_derivs?', '', [
  res.object('', '', [
    ...derivationFields,
    res.array('leaf_hashes', 'the leaves whose scripts have the key', [
      res.hex('hash', 'the hash of a leaf'),
    ]),
  ]),
]);
const participantsDoc = res.array('musig2_participant_pubkeys?', '', [
  res.object('', '', [
    res.hex('aggregate_pubkey', 'the aggregate key'),
    res.array('participant_pubkeys', '', [res.hex('pubkey', 'a key that is aggregated')]),
  ]),
]);
const unknownDoc = (name: string) =>
  res.userKeys(name, 'fields that nobody knows', [res.hex('key', 'the value of a key')]);
const proprietaryDoc = (name: string) =>
  res.array(name, 'proprietary fields', [
    res.object('', '', [
      res.hex('identifier', 'whose field it is'),
      res.number('subtype', 'the subtype'),
      res.hex('key', 'the key'),
      res.hex('value', 'the value'),
    ]),
  ]);
const preimagesDoc = (name: string) =>
  res.userKeys(`${name}_preimages?`, '', [res.string('hash', 'the preimage of a hash')]);
const sharesDoc = (name: string, share: string, doc: string) =>
  res.array(name, '', [
    res.object('', '', [
      res.hex('participant_pubkey', 'the key of the participant'),
      res.hex('aggregate_pubkey', 'the aggregate key'),
      res.hex('leaf_hash?', 'the leaf whose script has the aggregate key; absent for the internal key'),
      res.hex(share, doc),
    ]),
  ]);

const inputFields: readonly ResultDoc[] = [
  res.object('non_witness_utxo?', 'the whole transaction that it spends from', txFields()),
  res.object('witness_utxo?', 'the output that it spends', [
    res.amount('amount', 'the value in BTC'),
    res.object('scriptPubKey', '', scriptFields),
  ]),
  res.userKeys('partial_signatures?', '', [res.string('pubkey', 'the signature of a public key')]),
  res.string('sighash?', 'the signature hash type to use'),
  res.object('redeem_script?', '', bareScriptFields),
  res.object('witness_script?', '', bareScriptFields),
  res.array('bip32_derivs?', '', [res.object('', '', derivationFields)]),
  res.object('final_scriptSig?', '', bareScriptFields.slice(0, 2)),
  res.array('final_scriptwitness?', '', [res.hex('', 'an item of the witness')]),
  ...['ripemd160', 'sha256', 'hash160', 'hash256'].map(preimagesDoc),
  res.hex('previous_txid?', 'the transaction that it spends from'),
  res.number('previous_vout?', 'the number of the output'),
  res.number('sequence?', 'the sequence number'),
  res.number('time_locktime?', 'the time before which it cannot be spent'),
  res.number('height_locktime?', 'the height before which it cannot be spent'),
  res.hex('taproot_key_path_sig?', 'the signature of the output key'),
  res.array('taproot_script_path_sigs?', '', [
    res.object('signature?', 'a signature for a script', [
      res.string('pubkey', 'the x-only key'),
      res.string('leaf_hash', 'the leaf'),
      res.string('sig', 'the signature'),
    ]),
  ]),
  res.array('taproot_scripts?', '', [
    res.object('', '', [
      res.hex('script', 'the script of a leaf'),
      res.number('leaf_ver', 'the leaf version'),
      res.array('control_blocks', '', [res.hex('control_block', 'a control block of the script')]),
    ]),
  ]),
  tapDerivationsDoc,
  res.hex('taproot_internal_key?', 'the x-only internal key'),
  res.hex('taproot_merkle_root?', 'the root of the script tree'),
  participantsDoc,
  sharesDoc('musig2_pubnonces?', 'pubnonce', 'the public nonce'),
  sharesDoc('musig2_partial_sigs?', 'partial_sig', 'the partial signature'),
  unknownDoc('unknown?'),
  proprietaryDoc('proprietary?'),
];

const outputFields: readonly ResultDoc[] = [
  res.object('redeem_script?', '', bareScriptFields),
  res.object('witness_script?', '', bareScriptFields),
  res.array('bip32_derivs?', '', [res.object('', '', derivationFields)]),
  res.number('amount?', 'the value in BTC'),
  res.object('script?', 'the output script', scriptFields),
  res.hex('taproot_internal_key?', 'the x-only internal key'),
  res.array('taproot_tree?', 'the leaves of the script tree, depth first', [
    res.object('tuple?', 'a leaf', [
      res.number('depth', 'its depth'),
      res.number('leaf_ver', 'its leaf version'),
      res.string('script', 'its script'),
    ]),
  ]),
  tapDerivationsDoc,
  participantsDoc,
  unknownDoc('unknown?'),
  proprietaryDoc('proprietary?'),
];

/** What `psbtToJson` gives. */
export const psbtDoc = res.object('', '', [
  res.object('tx?', 'the transaction without signatures', txFields()),
  res.array('global_xpubs', '', [
    res.object('', '', [
      res.string('xpub', 'an extended public key'),
      res.hex('master_fingerprint', 'the fingerprint of the master key'),
      res.string('path', 'the path from there'),
    ]),
  ]),
  res.number('tx_version?', 'the version of the transaction'),
  res.number('fallback_locktime?', 'the lock time if no input needs one'),
  res.number('input_count?', 'how many inputs there are'),
  res.number('output_count?', 'how many outputs there are'),
  res.boolean('inputs_modifiable?', 'whether inputs can be added'),
  res.boolean('outputs_modifiable?', 'whether outputs can be added'),
  res.boolean('has_sighash_single?', 'whether an input is signed with SIGHASH_SINGLE'),
  res.number('psbt_version?', 'the version of the PSBT'),
  proprietaryDoc('proprietary'),
  unknownDoc('unknown'),
  res.array('inputs', '', [res.object('', '', inputFields)]),
  res.array('outputs', '', [res.object('', '', outputFields)]),
  res.amount('fee?', 'the fee in BTC, if everything that is spent is known'),
]);
