/**
 * Output descriptors: what a wallet watches and how it signs for it, as text (BIP380 to BIP386; Core:
 * src/script/descriptor.cpp, doc/descriptors.md). This file derives scripts and writes the text; reading it is
 * `descriptor-parse.ts`.
 */
import { assert } from '../base/assert.ts';
import { bytesToHex, compareBytes, concatBytes } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import { taprootTweakPublicKey } from '../crypto/keys.ts';
import { encodeAddress, type KeyPrefixes } from './address.ts';
import { addChecksum, checkChecksum } from './descriptor-checksum.ts';
import type { DescriptorKey, KeyOrigin, SecretRing } from './descriptor-key.ts';
import { parseNodes, type ScriptNode, type TreeLeaf } from './descriptor-parse.ts';
import { OPCODES, pushData, pushNumber } from './opcodes.ts';
import { LEAF_VERSION_TAPSCRIPT } from './taproot.ts';
import { buildTapTree, type TapLeaf } from './taproot-tree.ts';
import {
  multisigScript,
  payToPublicKey,
  payToPublicKeyHash,
  payToTaproot,
  payToWitnessKeyHash,
  wrapInScriptHash,
  wrapInWitnessScriptHash,
} from './templates.ts';

/** One public key that a descriptor derives at an index. */
interface DerivedKey {
  readonly publicKey: Uint8Array;
  readonly origin: KeyOrigin;
}

/** What a descriptor stands for at one index. */
export interface Expansion {
  /** The output scripts: one, or two to four of a combo. */
  readonly scripts: readonly Uint8Array[];
  /** In the order of the text, whatever order the script has. */
  readonly keys: readonly DerivedKey[];
  /** Of the P2SH script among `scripts`. */
  readonly redeemScript?: Uint8Array;
  /** Of a P2WSH script, wrapped in P2SH or not. */
  readonly witnessScript?: Uint8Array;
  /** Of a tr() script: what its output key is made of; `internalKey` is x-only, without leaves there is no root. */
  readonly taproot?: {
    readonly internalKey: Uint8Array;
    readonly merkleRoot: Uint8Array | undefined;
    readonly leaves: readonly TapLeaf[];
  };
}

type TextKind = 'public' | 'private' | 'normalized';

const { OP_CHECKSIG, OP_CHECKSIGADD, OP_NUMEQUAL } = OPCODES;

/**
 * The descriptors that `text` stands for: one, or one for each alternative of a multipath key. Throws DescriptorError
 * with Core's texts.
 */
export function parseDescriptor(
  text: string,
  options: { readonly prefixes: KeyPrefixes; readonly requireChecksum: boolean },
): Descriptor[] {
  const { payload } = checkChecksum(text, options);
  const { prefixes } = options;
  const secrets: SecretRing = new Map();
  return parseNodes(payload, { prefixes, secrets }).map(node => new Descriptor(node, secrets, prefixes));
}

/** Derives scripts; its keys remember the parents of ranges. */
export class Descriptor {
  readonly #node: ScriptNode;
  readonly #secrets: SecretRing;
  readonly #prefixes: KeyPrefixes;
  readonly #keys: readonly DescriptorKey[];

  constructor(node: ScriptNode, secrets: SecretRing, prefixes: KeyPrefixes) {
    this.#node = node;
    this.#secrets = secrets;
    this.#prefixes = prefixes;
    this.#keys = keysOf(node);
  }

  /** The outermost function: 'wpkh', 'sh', 'tr' … */
  get kind(): ScriptNode['kind'] {
    return this.#node.kind;
  }

  /** Whether the index of `expand` makes a difference. */
  get isRange(): boolean {
    return this.#keys.some(key => key.isRange);
  }

  /** Whether at least one key takes its secret for each index: those are not to be had from the normalized text. */
  get hasHardenedRange(): boolean {
    return this.#keys.some(key => key.isHardenedRange);
  }

  /** Of sh(): the function in it. */
  get innerKind(): ScriptNode['kind'] | undefined {
    return this.#node.kind === 'sh' ? this.#node.inner.kind : undefined;
  }

  /** Whether the keys suffice to sign: false of addr() and raw(). */
  get isSolvable(): boolean {
    return this.#node.kind !== 'addr' && this.#node.kind !== 'raw';
  }

  /** Whether the text held at least one private key. */
  get hasPrivateKeys(): boolean {
    return this.#secrets.size > 0;
  }

  /** Whether it yields one script an index: false of combo(). */
  get isSingleType(): boolean {
    return this.#node.kind !== 'combo';
  }

  /**
   * Scripts and public keys at `index` (0 … 2^31 − 1; without a range any). Undefined when a hardened step needs a
   * private key that the text did not hold, unless `hardenedKeys` of that index are given.
   */
  expand(index: number, hardenedKeys: readonly Uint8Array[] = []): Expansion | undefined {
    const publicKeys: Uint8Array[] = [];
    const known = hardenedKeys.values();
    for (const key of this.#keys) {
      const given = key.isHardenedRange ? known.next().value : undefined;
      const publicKey = given ?? key.publicKeyAt(index);
      if (publicKey === undefined) return undefined;
      publicKeys.push(publicKey);
    }
    const keys = this.#keys.map((key, i) => ({ publicKey: publicKeys[i]!, origin: key.originAt(index) }));
    const supply = publicKeys.values();
    return { ...expandNode(this.#node, () => supply.next().value!), keys };
  }

  /** The public keys at `index` that take their secrets; undefined when the text did not hold them. */
  hardenedKeys(index: number): readonly Uint8Array[] | undefined {
    const keys = this.#keys.filter(key => key.isHardenedRange).map(key => key.publicKeyAt(index));
    return keys.every(key => key !== undefined) ? keys : undefined;
  }

  /** The secret keys of `expand(index).keys`, in the same order; undefined where the text did not hold it. */
  secretKeys(index: number): (Uint8Array | undefined)[] {
    return this.#keys.map(key => key.secretKeyAt(index));
  }

  /** Without private keys, with checksum. */
  toString(): string {
    return addChecksum(this.#text('public'));
  }

  /** With the private keys there are, with checksum; undefined when there is none. */
  toPrivateString(): string | undefined {
    const hasSecret = this.#keys.some(key => key.toPrivateText() !== undefined);
    return hasSecret ? addChecksum(this.#text('private')) : undefined;
  }

  /**
   * Without private keys, every extended key moved to behind its last hardened step, so that it derives without them;
   * 'h' for hardened steps, with checksum. Undefined when moving needs a private key that the text did not hold.
   */
  toNormalizedString(): string | undefined {
    const isPossible = this.#keys.every(key => key.toNormalizedText() !== undefined);
    return isPossible ? addChecksum(this.#text('normalized')) : undefined;
  }

  #text(kind: TextKind): string {
    return nodeText(this.#node, key => keyText(key, kind), this.#prefixes);
  }
}

function keyText(key: DescriptorKey, kind: TextKind): string {
  if (kind === 'private') return key.toPrivateText() ?? key.toPublicText();
  if (kind === 'public') return key.toPublicText();
  const text = key.toNormalizedText();
  assert(text !== undefined, 'the caller asked before');
  return text;
}

/** All keys, in the order of the text. */
function keysOf(node: ScriptNode): DescriptorKey[] {
  switch (node.kind) {
    case 'sh':
    case 'wsh':
      return keysOf(node.inner);
    case 'tr':
      return [node.key, ...node.leaves.flatMap(leaf => keysOf(leaf.node))];
    case 'addr':
    case 'raw':
      return [];
    case 'multi':
    case 'sortedmulti':
    case 'multi_a':
    case 'sortedmulti_a':
      return [...node.keys];
    case 'pk':
    case 'pkh':
    case 'wpkh':
    case 'combo':
    case 'rawtr':
      return [node.key];
  }
}

/** `nextKey` hands out the public keys in the order of `keysOf`. */
function expandNode(node: ScriptNode, nextKey: () => Uint8Array): Omit<Expansion, 'keys'> {
  switch (node.kind) {
    case 'sh': {
      const inner = expandNode(node.inner, nextKey);
      const redeemScript = inner.scripts[0]!;
      return { ...inner, scripts: [wrapInScriptHash(redeemScript)], redeemScript };
    }
    case 'wsh': {
      const witnessScript = expandNode(node.inner, nextKey).scripts[0]!;
      return { scripts: [wrapInWitnessScriptHash(witnessScript)], witnessScript };
    }
    case 'tr': {
      const internalKey = xOnly(nextKey());
      const leaves = node.leaves.map(leaf => ({
        depth: leaf.depth,
        leafVersion: LEAF_VERSION_TAPSCRIPT,
        script: expandNode(leaf.node, nextKey).scripts[0]!,
      }));
      const merkleRoot = leaves.length === 0 ? undefined : buildTapTree(leaves).merkleRoot;
      const output = taprootTweakPublicKey(internalKey, merkleRoot);
      assert(output !== undefined, 'a parsed key is on the curve');
      return { scripts: [payToTaproot(output.key)], taproot: { internalKey, merkleRoot, leaves } };
    }
    case 'combo':
      return expandCombo(nextKey());
    case 'pk': {
      const publicKey = nextKey();
      return { scripts: [payToPublicKey(node.xOnly ? xOnly(publicKey) : publicKey)] };
    }
    case 'pkh':
      return { scripts: [payToPublicKeyHash(hash160(nextKey()))] };
    case 'wpkh':
      return { scripts: [payToWitnessKeyHash(nextKey())] };
    case 'rawtr':
      return { scripts: [payToTaproot(xOnly(nextKey()))] };
    case 'multi':
    case 'sortedmulti': {
      const keys = node.keys.map(nextKey);
      if (node.kind === 'sortedmulti') keys.sort(compareBytes);
      return { scripts: [multisigScript(node.threshold, keys)] };
    }
    case 'multi_a':
    case 'sortedmulti_a': {
      const keys = node.keys.map(() => xOnly(nextKey()));
      if (node.kind === 'sortedmulti_a') keys.sort(compareBytes);
      return { scripts: [tapscriptMultisig(node.threshold, keys)] };
    }
    case 'addr':
    case 'raw':
      return { scripts: [node.script] };
  }
}

/** P2PK and P2PKH, of a compressed key also P2WPKH and that in P2SH. */
function expandCombo(publicKey: Uint8Array): Omit<Expansion, 'keys'> {
  const scripts = [payToPublicKey(publicKey), payToPublicKeyHash(hash160(publicKey))];
  if (publicKey.length !== 33) return { scripts };
  const redeemScript = payToWitnessKeyHash(publicKey);
  return { scripts: [...scripts, redeemScript, wrapInScriptHash(redeemScript)], redeemScript };
}

/** <key> OP_CHECKSIG (<key> OP_CHECKSIGADD)… <threshold> OP_NUMEQUAL (BIP387). */
function tapscriptMultisig(threshold: number, keys: readonly Uint8Array[]): Uint8Array {
  const checks = keys.flatMap((key, i) => [
    pushData(key),
    Uint8Array.of(i === 0 ? OP_CHECKSIG : OP_CHECKSIGADD),
  ]);
  return concatBytes(...checks, pushNumber(threshold), Uint8Array.of(OP_NUMEQUAL));
}

function xOnly(publicKey: Uint8Array): Uint8Array {
  return publicKey.subarray(1);
}

function nodeText(node: ScriptNode, textOf: (key: DescriptorKey) => string, prefixes: KeyPrefixes): string {
  switch (node.kind) {
    case 'sh':
    case 'wsh':
      return `${node.kind}(${nodeText(node.inner, textOf, prefixes)})`;
    case 'tr': {
      if (node.leaves.length === 0) return `tr(${textOf(node.key)})`;
      return `tr(${textOf(node.key)},${treeText(node.leaves, leaf => nodeText(leaf, textOf, prefixes))})`;
    }
    case 'pk':
    case 'pkh':
    case 'wpkh':
    case 'combo':
    case 'rawtr':
      return `${node.kind}(${textOf(node.key)})`;
    case 'multi':
    case 'sortedmulti':
    case 'multi_a':
    case 'sortedmulti_a':
      return `${node.kind}(${[node.threshold, ...node.keys.map(textOf)].join(',')})`;
    case 'addr':
      return `addr(${encodeAddress(node.script, prefixes)})`;
    case 'raw':
      return `raw(${bytesToHex(node.script)})`;
  }
}

function treeText(leaves: readonly TreeLeaf[], textOf: (node: ScriptNode) => string): string {
  const pending: { readonly depth: number; readonly text: string }[] = [];
  for (const { depth, node } of leaves) {
    let subtree = { depth, text: textOf(node) };
    while (pending.at(-1)?.depth === subtree.depth) {
      subtree = { depth: subtree.depth - 1, text: `{${pending.pop()!.text},${subtree.text}}` };
    }
    pending.push(subtree);
  }
  return pending[0]!.text;
}
