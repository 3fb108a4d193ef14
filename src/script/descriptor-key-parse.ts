/**
 * Reading a key expression of a descriptor (Core: ParsePubkey in src/script/descriptor.cpp; BIP380, BIP389): an origin in
 * brackets, a key, a path. Checks and texts come in Core's order.
 */
import { bytesToBinary, hexToBytes, isHex } from '../base/bytes.ts';
import { decodeExtendedPublicKey, decodeExtendedSecretKey, HARDENED } from '../crypto/bip32.ts';
import { isFullyValidPublicKey, isPublicKeyShaped, isValidXOnlyKey, publicKeyOf } from '../crypto/keys.ts';
import { decodeSecretKey, type KeyPrefixes } from './address.ts';
import { DescriptorError } from './descriptor-checksum.ts';
import { DescriptorKey, type KeyOrigin, type KeySource, type SecretRing } from './descriptor-key.ts';

/** Where an expression stands, which decides what it may be. */
export type KeyPlace = 'top' | 'sh' | 'wpkh' | 'wsh' | 'tr';

export interface KeyContext {
  readonly prefixes: KeyPrefixes;
  /** Filled while reading. */
  readonly secrets: SecretRing;
}

const U32_MAX = 0xffff_ffff;

/** A key expression, with several alternatives when it is multipath; errors are told as of `where`. */
export function parseKeyFor(
  where: string,
  text: string,
  place: KeyPlace,
  context: KeyContext,
): DescriptorKey[] {
  try {
    return parseKey(text, place, context);
  } catch (error) {
    if (error instanceof DescriptorError) throw new DescriptorError(`${where}: ${error.message}`);
    throw error;
  }
}

function parseKey(text: string, place: KeyPlace, context: KeyContext): DescriptorKey[] {
  if (text.startsWith('musig(')) {
    throw new DescriptorError(
      place === 'tr' ? 'musig() is not supported' : 'musig() is only allowed in tr() and rawtr()',
    );
  }
  const pieces = text.split(']');
  if (pieces.length > 2) throw new DescriptorError("Multiple ']' characters found for a single pubkey");
  const marks = new HardenedMark();
  const origin = pieces.length === 2 ? parseOrigin(pieces[0]!, marks) : undefined;
  const sources = parseSources(pieces.at(-1)!, place, context, marks);
  return sources.map(
    source =>
      new DescriptorKey({ source, origin, hardenedMark: marks.last }, context.secrets, context.prefixes),
  );
}

/** Which sign for a hardened step was read last: that one is written. */
class HardenedMark {
  last: "'" | 'h' = 'h';
}

function parseOrigin(text: string, marks: HardenedMark): KeyOrigin {
  if (text[0] !== '[') {
    throw new DescriptorError(
      `Key origin start '[ character expected but not found, got '${text[0] ?? ']'}' instead`,
    );
  }
  const [fingerprint, ...steps] = text.slice(1).split('/');
  if (fingerprint!.length !== 8) {
    throw new DescriptorError(
      `Fingerprint is not 4 bytes (${fingerprint!.length} characters instead of 8 characters)`,
    );
  }
  if (!isHex(fingerprint!)) throw new DescriptorError(`Fingerprint '${fingerprint}' is not hex`);
  const [path] = parsePaths(steps, marks, { multipath: false });
  return { fingerprint: hexToBytes(fingerprint!), path: path! };
}

function parseSources(text: string, place: KeyPlace, context: KeyContext, marks: HardenedMark): KeySource[] {
  const [keyText, ...steps] = text.split('/') as [string, ...string[]];
  if (keyText === '') throw new DescriptorError('No key provided');
  if (keyText.startsWith(' ') || keyText.endsWith(' ')) {
    throw new DescriptorError(`Key '${keyText}' is invalid due to whitespace`);
  }
  if (steps.length === 0) {
    const single = parseSingleKey(keyText, place, context);
    if (single !== undefined) return [single];
  }
  const { prefixes, secrets } = context;
  const extSecret = decodeExtendedSecretKey(keyText, prefixes.extSecretKey);
  const root = extSecret ?? decodeExtendedPublicKey(keyText, prefixes.extPublicKey);
  if (root === undefined) throw new DescriptorError(`key '${keyText}' is not valid`);
  const last = steps.at(-1);
  let range: 'none' | 'unhardened' | 'hardened' = 'none';
  if (last === '*') range = 'unhardened';
  if (last === "*'" || last === '*h') {
    range = 'hardened';
    marks.last = last === "*'" ? "'" : 'h';
  }
  if (range !== 'none') steps.pop();
  const paths = parsePaths(steps, marks, { multipath: true });
  if (extSecret !== undefined) secrets.set(bytesToBinary(extSecret.publicKey), extSecret.secretKey);
  return paths.map(path => ({ kind: 'extended', root, path, range }));
}

/** A public key in hex or a private key in WIF; undefined when `text` looks like neither. */
function parseSingleKey(text: string, place: KeyPlace, context: KeyContext): KeySource | undefined {
  const permitsUncompressed = place === 'top' || place === 'sh';
  if (isHex(text)) {
    const bytes = hexToBytes(text);
    if (isPublicKeyShaped(bytes) && bytes[0]! > 4) {
      throw new DescriptorError('Hybrid public keys are not allowed');
    }
    if (isFullyValidPublicKey(bytes)) {
      if (!permitsUncompressed && bytes.length !== 33)
        throw new DescriptorError('Uncompressed keys are not allowed');
      return { kind: 'const', publicKey: bytes, xOnly: false };
    }
    if (place === 'tr' && isValidXOnlyKey(bytes)) {
      const publicKey = new Uint8Array(33);
      publicKey[0] = 2;
      publicKey.set(bytes, 1);
      return { kind: 'const', publicKey, xOnly: true };
    }
    throw new DescriptorError(`Pubkey '${text}' is invalid`);
  }
  const secret = decodeSecretKey(text, context.prefixes);
  if (secret === undefined) return undefined;
  if (!permitsUncompressed && !secret.compressed)
    throw new DescriptorError('Uncompressed keys are not allowed');
  const publicKey = publicKeyOf(secret.secretKey, { compressed: secret.compressed });
  context.secrets.set(bytesToBinary(publicKey), secret.secretKey);
  return { kind: 'const', publicKey, xOnly: place === 'tr' };
}

/** One path, or one for each alternative of a `<a;b>` step. */
function parsePaths(
  steps: readonly string[],
  marks: HardenedMark,
  options: { readonly multipath: boolean },
): number[][] {
  const path: number[] = [];
  let multipath: { readonly at: number; readonly values: number[] } | undefined;
  for (const step of steps) {
    if (!step.startsWith('<') || !step.endsWith('>')) {
      path.push(parseStep(step, marks));
      continue;
    }
    if (!options.multipath) {
      throw new DescriptorError(
        `Key path value '${step}' specifies multipath in a section where multipath is not allowed`,
      );
    }
    if (multipath !== undefined) throw new DescriptorError('Multiple multipath key path specifiers found');
    const alternatives = step.slice(1, -1).split(';');
    if (alternatives.length < 2) {
      throw new DescriptorError('Multipath key path specifiers must have at least two items');
    }
    const values: number[] = [];
    for (const alternative of alternatives) {
      const value = parseStep(alternative, marks);
      if (values.includes(value)) {
        throw new DescriptorError(`Duplicated key path value ${value} in multipath specifier`);
      }
      values.push(value);
    }
    multipath = { at: path.length, values };
    path.push(0);
  }
  if (multipath === undefined) return [path];
  const { at, values } = multipath;
  return values.map(value => path.with(at, value));
}

function parseStep(text: string, marks: HardenedMark): number {
  const last = text.at(-1);
  const isHardened = last === "'" || last === 'h';
  if (isHardened) marks.last = last;
  const digits = isHardened ? text.slice(0, -1) : text;
  const value = parseU32(digits);
  if (value === undefined) throw new DescriptorError(`Key path value '${digits}' is not a valid uint32`);
  if (value >= HARDENED) throw new DescriptorError(`Key path value ${value} is out of range`);
  return isHardened ? value + HARDENED : value;
}

/** Decimal digits up to 2^32 − 1; undefined for anything else. */
export function parseU32(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= U32_MAX ? value : undefined;
}
