/**
 * Signing what the wallet owns (Core: src/script/sign.cpp): P2PK, P2PKH, multisig, their P2SH, P2WSH and nested forms,
 * P2WPKH, and taproot by its key. Signatures that others made of a multisig stay, so that it is signed one after another.
 */
import { concatBytes, EMPTY_BYTES, equalBytes } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import { signEcdsa, signSchnorr, taprootTweakSecretKey } from '../crypto/keys.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { TransactionChecker } from '../script/checker.ts';
import { SIGHASH_ALL, SIGHASH_ANYONECANPAY, SIGHASH_DEFAULT, SIGHASH_SINGLE } from '../script/encoding.ts';
import { type ScriptError, scriptErrorText } from '../script/errors.ts';
import { STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import { parseScript, pushData } from '../script/opcodes.ts';
import { legacySignatureHash, PrecomputedTx, witnessV0SignatureHash } from '../script/sighash.ts';
import { taprootSignatureHash } from '../script/taproot-sighash.ts';
import {
  payToPublicKeyHash,
  solveScript,
  wrapInScriptHash,
  wrapInWitnessScriptHash,
} from '../script/templates.ts';
import { verifyScript } from '../script/verify.ts';
import {
  createTransaction,
  type Transaction,
  type TxInput,
  type TxOutput,
  type TxParts,
} from '../wire/transaction.ts';
import type { SpendData } from './key-ring.ts';

/** Bytes of a DER signature with its hash type. */
const SIGNATURE_BYTES_MIN = 9;
const SIGNATURE_BYTES_MAX = 73;

type SigVersion = 'base' | 'witness-v0';

export interface SignRequest {
  readonly tx: TxParts;
  /** What each input spends; undefined where that is not known. */
  readonly spent: readonly (TxOutput | undefined)[];
  /** Undefined for a script that is not the wallet's. */
  spendData(script: Uint8Array): SpendData | undefined;
  /** SIGHASH_DEFAULT: all of the transaction. */
  readonly hashType: number;
  readonly verifier: SignatureVerifier;
}

export interface SignResult {
  readonly tx: Transaction;
  /** Why inputs are not valid yet, by index; Core's texts. */
  readonly errors: ReadonlyMap<number, string>;
}

/** Signs what can be signed and says which inputs are not valid then. */
export function signTransaction(request: SignRequest): SignResult {
  const { tx, spent, verifier } = request;
  const known = spent.every(output => output !== undefined);
  const precomputed = new PrecomputedTx(tx, spent as readonly TxOutput[]);
  const errors = new Map<number, string>();
  const inputs = tx.inputs.map((input, index) => {
    const output = spent[index];
    if (output === undefined) {
      errors.set(index, 'Input not found or already spent');
      return input;
    }
    const signer = new InputSigner(request, precomputed, index, known);
    const signed = signer.sign(input, output);
    const checker = new TransactionChecker(precomputed, index, verifier);
    const { scriptSig, witness } = signed;
    const flags = STANDARD_SCRIPT_FLAGS;
    const error = verifyScript({ scriptSig, scriptPubKey: output.scriptPubKey, witness, flags, checker });
    if (error !== undefined) errors.set(index, errorText(error));
    return signed;
  });
  return { tx: createTransaction({ ...tx, inputs }), errors };
}

class InputSigner {
  readonly #request: SignRequest;
  readonly #precomputed: PrecomputedTx;
  readonly #index: number;
  readonly #allSpentKnown: boolean;

  constructor(request: SignRequest, precomputed: PrecomputedTx, index: number, allSpentKnown: boolean) {
    this.#request = request;
    this.#precomputed = precomputed;
    this.#index = index;
    this.#allSpentKnown = allSpentKnown;
  }

  /** The input with signatures, or as it was when the wallet cannot sign it. */
  sign(input: TxInput, output: TxOutput): TxInput {
    const { hashType, tx } = this.#request;
    // SINGLE without a matching output would sign the number 1, for anybody to use again.
    if ((hashType & ~SIGHASH_ANYONECANPAY) === SIGHASH_SINGLE && this.#index >= tx.outputs.length)
      return input;
    const data = this.#request.spendData(output.scriptPubKey);
    if (data === undefined) return input;
    const { scriptPubKey } = output;
    const template = solveScript(scriptPubKey);
    if (template.type === 'witness_v1_taproot') {
      const witness = this.#taprootKeySpend(data);
      return witness === undefined ? input : { ...input, scriptSig: EMPTY_BYTES, witness };
    }
    const redeemScript = template.type === 'scripthash' ? redeemScriptOf(data, scriptPubKey) : undefined;
    if (template.type === 'scripthash' && redeemScript === undefined) return input;
    const inner = redeemScript ?? scriptPubKey;
    const innerTemplate = solveScript(inner);
    const redeemPush = redeemScript === undefined ? EMPTY_BYTES : pushData(redeemScript);
    if (innerTemplate.type === 'witness_v0_keyhash') {
      const code = payToPublicKeyHash(innerTemplate.hash);
      const witness = this.#satisfy(code, 'witness-v0', data, input);
      return witness === undefined ? input : { ...input, scriptSig: redeemPush, witness };
    }
    if (innerTemplate.type === 'witness_v0_scripthash') {
      const { witnessScript } = data;
      if (witnessScript === undefined || !equalBytes(wrapInWitnessScriptHash(witnessScript), inner))
        return input;
      const items = this.#satisfy(witnessScript, 'witness-v0', data, input);
      return items === undefined
        ? input
        : { ...input, scriptSig: redeemPush, witness: [...items, witnessScript] };
    }
    const items = this.#satisfy(inner, 'base', data, input);
    if (items === undefined) return input;
    return { ...input, scriptSig: concatBytes(...items.map(pushData), redeemPush), witness: [] };
  }

  /** The stack that satisfies a script of keys; undefined when no signature can be made for it. */
  #satisfy(
    script: Uint8Array,
    version: SigVersion,
    data: SpendData,
    input: TxInput,
  ): Uint8Array[] | undefined {
    const template = solveScript(script);
    switch (template.type) {
      case 'pubkey': {
        const signature = this.#signWith(template.publicKey, script, version, data);
        return signature && [signature];
      }
      case 'pubkeyhash': {
        const publicKey = data.keys.find(key => equalBytes(hash160(key.publicKey), template.hash))?.publicKey;
        const signature = publicKey && this.#signWith(publicKey, script, version, data);
        return signature && [signature, publicKey];
      }
      case 'multisig': {
        const checker = new TransactionChecker(this.#precomputed, this.#index, this.#request.verifier);
        const others = possibleSignatures(input);
        const signatures: Uint8Array[] = [];
        for (const key of template.keys) {
          if (signatures.length === template.required) break;
          const own = this.#signWith(key, script, version, data);
          const found = own ?? others.find(other => checker.checkEcdsa(other, key, script, version));
          if (found !== undefined) signatures.push(found);
        }
        if (signatures.length === 0) return undefined;
        // The first item is one more than OP_CHECKMULTISIG needs and takes; missing signatures stay empty.
        const missing = template.required - signatures.length;
        return [EMPTY_BYTES, ...signatures, ...new Array<Uint8Array>(missing).fill(EMPTY_BYTES)];
      }
      default:
        return undefined;
    }
  }

  #signWith(
    publicKey: Uint8Array,
    script: Uint8Array,
    version: SigVersion,
    data: SpendData,
  ): Uint8Array | undefined {
    const at = data.keys.findIndex(key => equalBytes(key.publicKey, publicKey));
    const secretKey = data.secretKeys[at];
    if (secretKey === undefined) return undefined;
    const hashType = this.#request.hashType === SIGHASH_DEFAULT ? SIGHASH_ALL : this.#request.hashType;
    const hashOf = version === 'base' ? legacySignatureHash : witnessV0SignatureHash;
    const hash = hashOf(this.#precomputed, this.#index, script, hashType);
    return concatBytes(signEcdsa(hash, secretKey), Uint8Array.of(hashType));
  }

  #taprootKeySpend(data: SpendData): Uint8Array[] | undefined {
    // A taproot signature commits to everything that is spent.
    if (data.taproot === undefined || !this.#allSpentKnown) return undefined;
    const { internalKey, merkleRoot } = data.taproot;
    const at = data.keys.findIndex(key => equalBytes(key.publicKey.subarray(-32), internalKey));
    const secretKey = data.secretKeys[at];
    if (secretKey === undefined) return undefined;
    const { hashType } = this.#request;
    const keySpend = { annexHash: undefined, leafHash: undefined, codeSeparatorPosition: 0xffff_ffff };
    const hash = taprootSignatureHash(this.#precomputed, this.#index, hashType, keySpend);
    if (hash === undefined) return undefined;
    const signature = signSchnorr(hash, taprootTweakSecretKey(secretKey, merkleRoot), new Uint8Array(32));
    return [hashType === SIGHASH_DEFAULT ? signature : concatBytes(signature, Uint8Array.of(hashType))];
  }
}

function redeemScriptOf(data: SpendData, scriptPubKey: Uint8Array): Uint8Array | undefined {
  const { redeemScript } = data;
  return redeemScript && equalBytes(wrapInScriptHash(redeemScript), scriptPubKey) ? redeemScript : undefined;
}

/** Items of what is there already that have a signature's length. */
function possibleSignatures(input: TxInput): Uint8Array[] {
  const pushed = [...parseScript(input.scriptSig)].map(instruction => instruction.data ?? EMPTY_BYTES);
  return [...pushed, ...input.witness].filter(
    ({ length }) => length >= SIGNATURE_BYTES_MIN && length <= SIGNATURE_BYTES_MAX,
  );
}

/** Two errors say in words what usually causes them here. */
function errorText(error: ScriptError): string {
  if (error === 'INVALID_STACK_OPERATION') {
    return 'Unable to sign input, invalid stack size (possibly missing key)';
  }
  if (error === 'SIG_NULLFAIL') {
    return 'CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)';
  }
  return scriptErrorText(error);
}
