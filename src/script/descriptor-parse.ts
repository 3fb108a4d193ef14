/**
 * Reading a descriptor (Core: src/script/descriptor.cpp, doc/descriptors.md; BIP380 to BIP386, BIP389). Checks and texts
 * come in Core's order. A multipath key (`<0;1>`) makes several descriptors of one text. Miniscript, musig() and unused()
 * are not known here.
 */
import { hexToBytes, isHex } from '../base/bytes.ts';
import { AddressError, decodeAddress, type KeyPrefixes } from './address.ts';
import { DescriptorError } from './descriptor-checksum.ts';
import type { DescriptorKey } from './descriptor-key.ts';
import { type KeyContext, type KeyPlace, parseKeyFor, parseU32 } from './descriptor-key-parse.ts';
import { TAP_TREE_DEPTH_MAX } from './taproot-tree.ts';
import { MULTISIG_KEYS_MAX, TAPSCRIPT_KEYS_MAX } from './templates.ts';

/** A descriptor's expressions as a tree. */
export type ScriptNode =
  | { readonly kind: 'pk'; readonly key: DescriptorKey; readonly xOnly: boolean }
  | { readonly kind: 'pkh' | 'wpkh' | 'combo' | 'rawtr'; readonly key: DescriptorKey }
  | { readonly kind: MultiKind; readonly threshold: number; readonly keys: readonly DescriptorKey[] }
  | { readonly kind: 'sh' | 'wsh'; readonly inner: ScriptNode }
  | { readonly kind: 'tr'; readonly key: DescriptorKey; readonly leaves: readonly TreeLeaf[] }
  | { readonly kind: 'addr' | 'raw'; readonly script: Uint8Array };

type MultiKind = 'multi' | 'sortedmulti' | 'multi_a' | 'sortedmulti_a';

export interface TreeLeaf {
  readonly depth: number;
  readonly node: ScriptNode;
}

/** Keys in a multisig that is no one's script hash (Core: IsStandard). */
const BARE_MULTISIG_KEYS_MAX = 3;
/** Bytes of a redeem script (Core: MAX_SCRIPT_ELEMENT_SIZE). */
const REDEEM_SCRIPT_BYTES_MAX = 520;
const MINISCRIPT =
  /^(?:[asctdvjnlu]+:|(?:pkh|pk_k|pk_h|older|after|sha256|hash256|ripemd160|hash160|andor|and_v|and_b|and_n|or_b|or_c|or_d|or_i|thresh)\()/;

/** The descriptors of `payload` (without checksum), one unless it has a multipath key; throws DescriptorError. */
export function parseNodes(payload: string, context: KeyContext): ScriptNode[] {
  const { expression, rest } = splitExpression(payload);
  const nodes = parseScript(expression, 'top', context);
  // Core says nothing about what follows either.
  if (rest !== '') throw new DescriptorError('');
  return nodes;
}

function parseScript(text: string, place: KeyPlace, context: KeyContext): ScriptNode[] {
  const call = /^([a-z_]+)\((.*)\)$/s.exec(text);
  const name = call?.[1];
  const argument = call?.[2] ?? '';
  const isTop = place === 'top';
  const isLegacy = isTop || place === 'sh';
  switch (name) {
    case 'pk':
      return parseKeyFor('pk()', argument, place, context).map(key => ({
        kind: 'pk',
        key,
        xOnly: place === 'tr',
      }));
    case 'pkh':
      if (!isLegacy && place !== 'wsh') break;
      return parseKeyFor('pkh()', argument, place, context).map(key => ({ kind: 'pkh', key }));
    case 'combo':
      if (!isTop) throw new DescriptorError('Can only have combo() at top level');
      return parseKeyFor('combo()', argument, place, context).map(key => ({ kind: 'combo', key }));
    case 'multi':
    case 'sortedmulti':
      if (place === 'tr') {
        throw new DescriptorError('Can only have multi/sortedmulti at top level, in sh(), or in wsh()');
      }
      return parseMulti(name, argument, place, context);
    case 'multi_a':
    case 'sortedmulti_a':
      if (place !== 'tr') throw new DescriptorError('Can only have multi_a/sortedmulti_a inside tr()');
      return parseMulti(name, argument, place, context);
    case 'wpkh':
      if (!isLegacy) throw new DescriptorError('Can only have wpkh() at top level or inside sh()');
      return parseKeyFor('wpkh()', argument, 'wpkh', context).map(key => ({ kind: 'wpkh', key }));
    case 'sh':
      if (!isTop) throw new DescriptorError('Can only have sh() at top level');
      return parseWrapped('sh', argument, context);
    case 'wsh':
      if (!isLegacy) throw new DescriptorError('Can only have wsh() at top level or inside sh()');
      return parseWrapped('wsh', argument, context);
    case 'addr':
      if (!isTop) throw new DescriptorError('Can only have addr() at top level');
      return [{ kind: 'addr', script: parseAddress(argument, context.prefixes) }];
    case 'tr':
      if (!isTop) throw new DescriptorError('Can only have tr at top level');
      return parseTaproot(argument, context);
    case 'rawtr': {
      if (!isTop) throw new DescriptorError('Can only have rawtr at top level');
      const { expression, rest } = splitExpression(argument);
      if (rest !== '') throw new DescriptorError('rawtr(): only one key expected.');
      return parseKeyFor('rawtr()', expression, 'tr', context).map(key => ({ kind: 'rawtr', key }));
    }
    case 'raw':
      if (!isTop) throw new DescriptorError('Can only have raw() at top level');
      if (argument === '' || !isHex(argument)) throw new DescriptorError('Raw script is not hex');
      return [{ kind: 'raw', script: hexToBytes(argument) }];
    default:
      break;
  }
  if ((place === 'wsh' || place === 'tr') && MINISCRIPT.test(text)) {
    throw new DescriptorError('Miniscript expressions are not supported');
  }
  if (place === 'sh') throw new DescriptorError('A function is needed within P2SH');
  if (place === 'wsh') throw new DescriptorError('A function is needed within P2WSH');
  throw new DescriptorError(`'${text}' is not a valid descriptor function`);
}

function parseWrapped(kind: 'sh' | 'wsh', argument: string, context: KeyContext): ScriptNode[] {
  const { expression, rest } = splitExpression(argument);
  const inner = parseScript(expression, kind, context);
  if (rest !== '') throw new DescriptorError('');
  return inner.map(node => ({ kind, inner: node }));
}

function parseAddress(text: string, prefixes: KeyPrefixes): Uint8Array {
  try {
    return decodeAddress(text, prefixes).scriptPubKey;
  } catch (error) {
    if (error instanceof AddressError) throw new DescriptorError('Address is not valid');
    throw error;
  }
}

function parseMulti(kind: MultiKind, argument: string, place: KeyPlace, context: KeyContext): ScriptNode[] {
  let { expression, rest } = splitExpression(argument);
  const threshold = parseU32(expression);
  if (threshold === undefined) throw new DescriptorError(`Multi threshold '${expression}' is not valid`);
  const keys: DescriptorKey[][] = [];
  while (rest !== '') {
    if (rest[0] !== ',') throw new DescriptorError(`Multi: expected ',', got '${rest[0]}'`);
    ({ expression, rest } = splitExpression(rest.slice(1)));
    keys.push(parseKeyFor('Multi', expression, place, context));
  }
  const isTapscript = kind === 'multi_a' || kind === 'sortedmulti_a';
  const keysMax = isTapscript ? TAPSCRIPT_KEYS_MAX : MULTISIG_KEYS_MAX;
  if (keys.length === 0 || keys.length > keysMax) {
    const where = isTapscript ? 'multi_a' : 'multisig';
    throw new DescriptorError(
      `Cannot have ${keys.length} keys in ${where}; must have between 1 and ${keysMax} keys, inclusive`,
    );
  }
  if (threshold < 1) {
    throw new DescriptorError(`Multisig threshold cannot be ${threshold}, must be at least 1`);
  }
  if (threshold > keys.length) {
    throw new DescriptorError(
      `Multisig threshold cannot be larger than the number of keys; threshold is ${threshold} but only ${keys.length} keys specified`,
    );
  }
  if (place === 'top' && keys.length > BARE_MULTISIG_KEYS_MAX) {
    throw new DescriptorError(
      `Cannot have ${keys.length} pubkeys in bare multisig; only at most ${BARE_MULTISIG_KEYS_MAX} pubkeys`,
    );
  }
  if (place === 'sh') {
    const scriptBytes = 3 + keys.reduce((sum, [key]) => sum + key!.keyBytes + 1, 0);
    if (scriptBytes > REDEEM_SCRIPT_BYTES_MAX) {
      throw new DescriptorError(
        `P2SH script is too large, ${scriptBytes} bytes is larger than ${REDEEM_SCRIPT_BYTES_MAX} bytes`,
      );
    }
  }
  const paths = alignPaths(keys, 'multi(): Multipath derivation paths have mismatched lengths');
  return paths.map(pathKeys => ({ kind, threshold, keys: pathKeys }));
}

function parseTaproot(argument: string, context: KeyContext): ScriptNode[] {
  let { expression, rest } = splitExpression(argument);
  const internalKeys = parseKeyFor('tr()', expression, 'tr', context);
  const depths: number[] = [];
  const scripts: ScriptNode[][] = [];
  if (rest !== '') {
    if (rest[0] !== ',') throw new DescriptorError(`tr: expected ',', got '${rest[0]}'`);
    rest = rest.slice(1);
    // The way from the root to where we read: false is a left branch, true a right one.
    const branches: boolean[] = [];
    do {
      while (rest[0] === '{') {
        branches.push(false);
        rest = rest.slice(1);
        if (branches.length > TAP_TREE_DEPTH_MAX) {
          throw new DescriptorError(`tr() supports at most ${TAP_TREE_DEPTH_MAX} nesting levels`);
        }
      }
      ({ expression, rest } = splitExpression(rest));
      scripts.push(parseScript(expression, 'tr', context));
      depths.push(branches.length);
      while (branches.at(-1) === true) {
        if (rest[0] !== '}') throw new DescriptorError("tr(): expected '}' after script expression");
        rest = rest.slice(1);
        branches.pop();
      }
      if (branches.length > 0) {
        if (rest[0] !== ',') throw new DescriptorError("tr(): expected ',' after script expression");
        rest = rest.slice(1);
        branches[branches.length - 1] = true;
      }
    } while (branches.length > 0);
    if (rest !== '') throw new DescriptorError("tr(): expected ')' after script expression");
  }
  const count = Math.max(internalKeys.length, ...scripts.map(list => list.length));
  const trees = alignPaths(scripts, 'tr(): Multipath subscripts have mismatched lengths', count);
  if (internalKeys.length > 1 && internalKeys.length !== count) {
    throw new DescriptorError('tr(): Multipath internal key mismatches multipath subscripts lengths');
  }
  return trees.map((nodes, i) => ({
    kind: 'tr',
    key: internalKeys[i] ?? internalKeys[0]!,
    leaves: nodes.map((node, leaf) => ({ depth: depths[leaf]!, node })),
  }));
}

/** Of lists of one or `count` alternatives: the lists of first, second … alternatives. */
function alignPaths<T>(
  lists: readonly (readonly T[])[],
  mismatch: string,
  count = Math.max(...lists.map(list => list.length)),
): T[][] {
  if (lists.some(list => list.length !== 1 && list.length !== count)) throw new DescriptorError(mismatch);
  return Array.from({ length: count }, (_, i) => lists.map(list => list[i] ?? list[0]!));
}

/** The text up to a comma or closing bracket outside all brackets, and what follows (Core: script::Expr). */
function splitExpression(text: string): { expression: string; rest: string } {
  let level = 0;
  let at = 0;
  for (; at < text.length; at += 1) {
    const character = text[at]!;
    const closes = character === ')' || character === '}';
    if (character === '(' || character === '{') level += 1;
    else if (level > 0 && closes) level -= 1;
    else if (level === 0 && (closes || character === ',')) break;
  }
  return { expression: text.slice(0, at), rest: text.slice(at) };
}
