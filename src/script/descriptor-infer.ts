/**
 * The descriptor of a script that somebody else made: the most telling one that follows from the script and from what
 * the caller knows of keys and scripts behind hashes (Core: InferDescriptor in src/script/descriptor.cpp). Witness
 * scripts that only miniscript describes are not looked into.
 */
import { equalBytes } from '../base/bytes.ts';
import { evenKey } from '../crypto/curve.ts';
import { ripemd160 } from '../crypto/hashes.ts';
import { isValidXOnlyKey } from '../crypto/keys.ts';
import { decodeAddress, encodeAddress, type KeyPrefixes } from './address.ts';
import { Descriptor } from './descriptor.ts';
import { DescriptorKey, type KeyOrigin } from './descriptor-key.ts';
import type { ScriptNode } from './descriptor-parse.ts';
import { solveScript } from './templates.ts';

/** What the caller knows; hashes are 20 bytes, the ones that scripts have. */
export interface ScriptKnowledge {
  publicKeyOf?(hash: Uint8Array): Uint8Array | undefined;
  /** `hash` is HASH160 of the redeem or witness script wanted. */
  scriptOf?(hash: Uint8Array): Uint8Array | undefined;
  originOf?(publicKey: Uint8Array): KeyOrigin | undefined;
  /** The x-only internal key of an output key without a script tree. */
  internalKeyOf?(outputKey: Uint8Array): Uint8Array | undefined;
}

type Place = 'top' | 'sh' | 'wsh';

/** With checksum. Always finds one: addr() or raw() when nothing better. */
export function inferDescriptor(
  script: Uint8Array,
  prefixes: KeyPrefixes,
  knowledge: ScriptKnowledge = {},
): string {
  const node = inferNode(script, 'top', prefixes, knowledge) ?? fallback(script, prefixes);
  return new Descriptor(node, new Map(), prefixes).toString();
}

function fallback(script: Uint8Array, prefixes: KeyPrefixes): ScriptNode {
  const address = encodeAddress(script, prefixes);
  const isAddress =
    address !== undefined && equalBytes(decodeAddress(address, prefixes).scriptPubKey, script);
  return { kind: isAddress ? 'addr' : 'raw', script };
}

function inferNode(
  script: Uint8Array,
  place: Place,
  prefixes: KeyPrefixes,
  knowledge: ScriptKnowledge,
): ScriptNode | undefined {
  const keyOf = (publicKey: Uint8Array | undefined, isCompressedOnly: boolean): DescriptorKey | undefined => {
    // Hybrid keys have no expression.
    if (publicKey === undefined || publicKey[0]! > 4) return undefined;
    if (isCompressedOnly && publicKey.length !== 33) return undefined;
    return constKey(publicKey, false, prefixes, knowledge);
  };
  const solution = solveScript(script);
  switch (solution.type) {
    case 'pubkey': {
      const key = keyOf(solution.publicKey, place === 'wsh');
      return key && { kind: 'pk', key, xOnly: false };
    }
    case 'pubkeyhash': {
      const key = keyOf(knowledge.publicKeyOf?.(solution.hash), place === 'wsh');
      return key && { kind: 'pkh', key };
    }
    case 'witness_v0_keyhash': {
      if (place === 'wsh') return undefined;
      const key = keyOf(knowledge.publicKeyOf?.(solution.hash), true);
      return key && { kind: 'wpkh', key };
    }
    case 'multisig': {
      const keys = solution.keys.map(key => keyOf(key, place === 'wsh'));
      if (!keys.every(key => key !== undefined)) return undefined;
      return { kind: 'multi', threshold: solution.required, keys };
    }
    case 'scripthash': {
      const redeemScript = place === 'top' ? knowledge.scriptOf?.(solution.hash) : undefined;
      const inner = redeemScript && inferNode(redeemScript, 'sh', prefixes, knowledge);
      return inner && { kind: 'sh', inner };
    }
    case 'witness_v0_scripthash': {
      if (place === 'wsh') return undefined;
      const witnessScript = knowledge.scriptOf?.(ripemd160(solution.hash));
      const inner = witnessScript && inferNode(witnessScript, 'wsh', prefixes, knowledge);
      return inner && { kind: 'wsh', inner };
    }
    case 'witness_v1_taproot': {
      if (place !== 'top') return undefined;
      const { outputKey } = solution;
      const internalKey = knowledge.internalKeyOf?.(outputKey);
      if (internalKey !== undefined) {
        return { kind: 'tr', key: constKey(evenKey(internalKey), true, prefixes, knowledge), leaves: [] };
      }
      if (!isValidXOnlyKey(outputKey)) return undefined;
      return { kind: 'rawtr', key: constKey(evenKey(outputKey), true, prefixes, knowledge) };
    }
    case 'nulldata':
    case 'anchor':
    case 'witness_unknown':
    case 'nonstandard':
      return undefined;
  }
}

function constKey(
  publicKey: Uint8Array,
  xOnly: boolean,
  prefixes: KeyPrefixes,
  knowledge: ScriptKnowledge,
): DescriptorKey {
  const origin = knowledge.originOf?.(publicKey);
  return new DescriptorKey(
    { source: { kind: 'const', publicKey, xOnly }, origin, hardenedMark: 'h' },
    new Map(),
    prefixes,
  );
}
