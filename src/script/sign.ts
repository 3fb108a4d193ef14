/**
 * From keys and scripts to the scriptSig and witness of an input (Core: ProduceSignature in src/script/sign.cpp): P2PK,
 * P2PKH, multisig, their P2SH, P2WSH and nested forms, P2WPKH, and taproot by its key or by scripts of keys. What is
 * found on the way (signatures, keys with their origins, scripts, what is missing) stays in the `SignatureData`, which
 * is how several signers work on one input.
 */
import { binaryToBytes, bytesToBinary, concatBytes, EMPTY_BYTES, equalBytes } from '../base/bytes.ts';
import { hash160, ripemd160 } from '../crypto/hashes.ts';
import { STANDARD_SCRIPT_FLAGS } from './flags.ts';
import { OPCODES, pushData, pushNumber } from './opcodes.ts';
import { signMusig } from './sign-musig.ts';
import type { KeyTweak, SignatureCreator } from './signature-creator.ts';
import type { SignatureData } from './signature-data.ts';
import { type SigningProvider, xOnlyIds } from './signing-provider.ts';
import { LEAF_VERSION_TAPSCRIPT, tapLeafHash } from './taproot.ts';
import { buildTapTree, controlBlocks } from './taproot-tree.ts';
import { matchTapscriptKeys, payToPublicKeyHash, solveScript } from './templates.ts';
import { verifyScript } from './verify.ts';

type SigVersion = 'base' | 'witness-v0';

/** One step from a script towards what satisfies it. */
type Step =
  /** Stack items; not solved when some are still missing. */
  | { readonly kind: 'stack'; readonly items: readonly Uint8Array[]; readonly isSolved: boolean }
  | { readonly kind: 'redeemScript' | 'witnessScript' | 'keyProgram'; readonly bytes: Uint8Array }
  | { readonly kind: 'taproot'; readonly items: readonly Uint8Array[] | undefined };

const UNSOLVED: Step = { kind: 'stack', items: [], isSolved: false };

/** Signs what can be signed into `data`; true when the input is valid then. */
export function produceSignature(
  provider: SigningProvider,
  creator: SignatureCreator,
  scriptPubKey: Uint8Array,
  data: SignatureData,
): boolean {
  if (data.isComplete) return true;
  const signer = new InputSigner(provider, creator, data);
  let step = signer.step(scriptPubKey, 'base');
  let redeemScript: Uint8Array | undefined;
  if (step.kind === 'redeemScript') {
    redeemScript = step.bytes;
    data.redeemScript = redeemScript;
    step = signer.step(redeemScript, 'base');
    // P2SH is no redeem script, and neither is taproot, which has no meaning inside.
    if (step.kind === 'redeemScript' || step.kind === 'taproot') step = UNSOLVED;
  }
  let items: readonly Uint8Array[] = [];
  let isSolved = false;
  switch (step.kind) {
    case 'keyProgram': {
      const inner = signer.step(payToPublicKeyHash(step.bytes), 'witness-v0');
      if (inner.kind === 'stack') {
        data.witness = inner.items;
        ({ isSolved } = inner);
      }
      data.hasWitness = true;
      break;
    }
    case 'witnessScript': {
      data.witnessScript = step.bytes;
      const inner = signer.step(step.bytes, 'witness-v0');
      const satisfied = inner.kind === 'stack' ? inner : { items: [], isSolved: false };
      data.witness = [...satisfied.items, step.bytes];
      data.hasWitness = true;
      ({ isSolved } = satisfied);
      break;
    }
    case 'taproot':
      data.hasWitness = true;
      isSolved = step.items !== undefined;
      if (step.items !== undefined) data.witness = step.items;
      break;
    case 'stack':
      ({ items, isSolved } = step);
      break;
    case 'redeemScript':
      break;
  }
  if (!data.hasWitness) data.witness = [];
  const pushes = redeemScript === undefined ? items : [...items, redeemScript];
  data.scriptSig = concatBytes(...pushes.map(pushItem));
  const { scriptSig, witness } = data;
  const flags = STANDARD_SCRIPT_FLAGS;
  data.isComplete =
    isSolved &&
    verifyScript({ scriptSig, scriptPubKey, witness, flags, checker: creator.checker }) === undefined;
  return data.isComplete;
}

class InputSigner {
  readonly #provider: SigningProvider;
  readonly #creator: SignatureCreator;
  readonly #data: SignatureData;

  constructor(provider: SigningProvider, creator: SignatureCreator, data: SignatureData) {
    this.#provider = provider;
    this.#creator = creator;
    this.#data = data;
  }

  step(script: Uint8Array, version: SigVersion): Step {
    const template = solveScript(script);
    const { missing } = this.#data;
    switch (template.type) {
      case 'nonstandard':
      case 'nulldata':
      case 'witness_unknown':
        return UNSOLVED;
      case 'anchor':
        return { kind: 'stack', items: [], isSolved: true };
      case 'pubkey': {
        const signature = this.#sign(template.publicKey, script, version);
        return signature === undefined ? UNSOLVED : { kind: 'stack', items: [signature], isSolved: true };
      }
      case 'pubkeyhash': {
        const publicKey = this.#publicKeyOf(template.hash);
        if (publicKey === undefined) {
          missing.publicKeys.push(template.hash);
          return UNSOLVED;
        }
        const signature = this.#sign(publicKey, script, version);
        return signature === undefined
          ? UNSOLVED
          : { kind: 'stack', items: [signature, publicKey], isSolved: true };
      }
      case 'multisig':
        return this.#multisig(template, script, version);
      case 'scripthash': {
        const redeemScript = this.#scriptOf(template.hash);
        if (redeemScript !== undefined) return { kind: 'redeemScript', bytes: redeemScript };
        missing.redeemScript = template.hash;
        return UNSOLVED;
      }
      case 'witness_v0_keyhash':
        return { kind: 'keyProgram', bytes: template.hash };
      case 'witness_v0_scripthash': {
        const witnessScript = this.#scriptOf(ripemd160(template.hash));
        if (witnessScript !== undefined) return { kind: 'witnessScript', bytes: witnessScript };
        missing.witnessScript = template.hash;
        return UNSOLVED;
      }
      case 'witness_v1_taproot':
        return { kind: 'taproot', items: this.#taproot(template.outputKey) };
    }
  }

  #multisig(
    { required, keys }: { readonly required: number; readonly keys: readonly Uint8Array[] },
    script: Uint8Array,
    version: SigVersion,
  ): Step {
    // All keys are tried, so that the data holds every signature that can be made.
    const signatures = keys.flatMap(key => this.#sign(key, script, version) ?? []).slice(0, required);
    const missing = new Array<Uint8Array>(required - signatures.length).fill(EMPTY_BYTES);
    // The first item is one more than OP_CHECKMULTISIG needs and takes.
    return { kind: 'stack', items: [EMPTY_BYTES, ...signatures, ...missing], isSolved: missing.length === 0 };
  }

  #sign(publicKey: Uint8Array, script: Uint8Array, version: SigVersion): Uint8Array | undefined {
    const { signatures, publicKeys, missing } = this.#data;
    const name = bytesToBinary(publicKey);
    const known = signatures.get(name);
    if (known !== undefined) return known.signature;
    const id = hash160(publicKey);
    const origin = this.#provider.originOf(id);
    if (origin !== undefined && !publicKeys.has(name)) publicKeys.set(name, { publicKey, origin });
    const signature = this.#creator.ecdsa(this.#provider, publicKey, script, version);
    if (signature === undefined) missing.signatures.push(id);
    else signatures.set(name, { publicKey, signature });
    return signature;
  }

  #taproot(outputKey: Uint8Array): readonly Uint8Array[] | undefined {
    const data = this.#data;
    this.#learnTaproot(outputKey);
    if (data.internalKey !== undefined) this.#learnTapKey(data.internalKey, undefined);
    this.#learnTapKey(outputKey, undefined);
    if (data.internalKey !== undefined) {
      data.tapKeySignature ??= this.#schnorr(data.internalKey, { merkleRoot: data.merkleRoot }, undefined);
    }
    data.tapKeySignature ??= this.#schnorr(outputKey, 'none', undefined);
    if (data.tapKeySignature !== undefined) return [data.tapKeySignature];
    let smallest: { readonly items: readonly Uint8Array[]; readonly bytes: number } | undefined;
    for (const [control, { script, leafVersion }] of data.tapScripts) {
      if (leafVersion !== LEAF_VERSION_TAPSCRIPT) continue;
      const satisfied = this.#tapscript(script, tapLeafHash(leafVersion, script));
      if (satisfied === undefined) continue;
      const items = [...satisfied, script, binaryToBytes(control)];
      const bytes = items.reduce((sum, item) => sum + item.length + 1, 0);
      if (smallest === undefined || bytes < smallest.bytes) smallest = { items, bytes };
    }
    return smallest?.items;
  }

  /** Internal key, scripts and tree of the output, as far as the provider knows them. */
  #learnTaproot(outputKey: Uint8Array): void {
    const known = this.#provider.taprootOf(outputKey);
    if (known === undefined) return;
    const data = this.#data;
    const { internalKey, leaves } = known;
    data.internalKey ??= internalKey;
    data.tapTree = leaves;
    if (leaves.length === 0) return;
    const tree = buildTapTree(leaves);
    data.merkleRoot ??= tree.merkleRoot;
    for (const [i, control] of controlBlocks(internalKey, leaves, tree).entries()) {
      const { script, leafVersion } = leaves[i]!;
      data.tapScripts.set(bytesToBinary(control), { script, leafVersion });
    }
  }

  #learnTapKey(xOnly: Uint8Array, leafHash: Uint8Array | undefined): void {
    const { tapKeys } = this.#data;
    const origin = xOnlyIds(xOnly)
      .map(id => this.#provider.originOf(id))
      .find(found => found !== undefined);
    if (origin === undefined) return;
    const name = bytesToBinary(xOnly);
    const known = tapKeys.get(name);
    if (known === undefined) {
      tapKeys.set(name, { leafHashes: new Set(leafHash && [bytesToBinary(leafHash)]), origin });
    } else if (leafHash !== undefined) {
      const leafHashes = new Set(known.leafHashes).add(bytesToBinary(leafHash));
      tapKeys.set(name, { leafHashes, origin: known.origin });
    }
  }

  /** What satisfies a script of keys: `<key> OP_CHECKSIG`, or several with a threshold. */
  #tapscript(script: Uint8Array, leafHash: Uint8Array): Uint8Array[] | undefined {
    const template = matchTapscriptKeys(script);
    if (template === undefined) return undefined;
    const signatures = template.keys.map(key => this.#signTapscript(key, leafHash));
    // No more than needed; the keys take them from the top, so the first key's comes last.
    let missing = template.required;
    const items = signatures.map(signature => {
      if (signature === undefined || missing === 0) return EMPTY_BYTES;
      missing -= 1;
      return signature;
    });
    return missing === 0 ? items.reverse() : undefined;
  }

  #signTapscript(xOnly: Uint8Array, leafHash: Uint8Array): Uint8Array | undefined {
    this.#learnTapKey(xOnly, leafHash);
    const { tapScriptSignatures } = this.#data;
    const name = bytesToBinary(xOnly) + bytesToBinary(leafHash);
    const known = tapScriptSignatures.get(name);
    if (known !== undefined) return known;
    const signature = this.#schnorr(xOnly, 'none', leafHash);
    if (signature !== undefined) tapScriptSignatures.set(name, signature);
    return signature;
  }

  /** By the key alone, or by those that it is an aggregate of. */
  #schnorr(xOnly: Uint8Array, tweak: KeyTweak, leafHash: Uint8Array | undefined): Uint8Array | undefined {
    const provider = this.#provider;
    return (
      this.#creator.schnorr(provider, xOnly, { tweak, leafHash }) ??
      signMusig(provider, this.#creator, this.#data, { xOnly, tweak, leafHash })
    );
  }

  #scriptOf(id: Uint8Array): Uint8Array | undefined {
    const { redeemScript, witnessScript } = this.#data;
    return (
      this.#provider.scriptOf(id) ??
      [redeemScript, witnessScript].find(script => script !== undefined && equalBytes(hash160(script), id))
    );
  }

  #publicKeyOf(id: Uint8Array): Uint8Array | undefined {
    const { signatures, publicKeys } = this.#data;
    for (const { publicKey } of [...signatures.values(), ...publicKeys.values()]) {
      if (equalBytes(hash160(publicKey), id)) return publicKey;
    }
    return this.#provider.publicKeyOf(id);
  }
}

/** The shortest push, small numbers by their opcodes (Core: PushAll). */
function pushItem(item: Uint8Array): Uint8Array {
  const [only] = item;
  if (item.length !== 1) return pushData(item);
  if (only! >= 1 && only! <= 16) return pushNumber(only!);
  return only === 0x81 ? Uint8Array.of(OPCODES.OP_1NEGATE) : pushData(item);
}
