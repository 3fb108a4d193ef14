/**
 * Bitcoin Core's compact encodings of integers, amounts and scripts, in which coins and undo data lie on disk
 * (serialize.h: VARINT; compressor.cpp). They have one form for each value, so files are the same byte for byte.
 */
import { bytesToHex, concatBytes } from '../base/bytes.ts';
import { curve } from '../crypto/curve.ts';
import { DecodeError, type Reader, type Writer } from '../wire/codec.ts';
import type { TxOutput } from '../wire/transaction.ts';

const OP_DUP = 0x76;
const OP_EQUAL = 0x87;
const OP_EQUALVERIFY = 0x88;
const OP_HASH160 = 0xa9;
const OP_CHECKSIG = 0xac;
const OP_RETURN = 0x6a;

/** What stands around the bytes that the short forms keep. */
const PUBLIC_KEY_HASH_HEAD = Uint8Array.of(OP_DUP, OP_HASH160, 20);
const PUBLIC_KEY_HASH_TAIL = Uint8Array.of(OP_EQUALVERIFY, OP_CHECKSIG);
const SCRIPT_HASH_HEAD = Uint8Array.of(OP_HASH160, 20);
const SCRIPT_HASH_TAIL = Uint8Array.of(OP_EQUAL);
const PUBLIC_KEY_TAIL = Uint8Array.of(OP_CHECKSIG);

/** Sizes 0–5 stand for known forms; the size of any other script is written this much larger. */
const SPECIAL_SCRIPTS = 6;
/** Longer scripts cannot be spent, and are read as OP_RETURN (Core: MAX_SCRIPT_SIZE). */
const SCRIPT_BYTES_MAX = 10_000;
/** Amounts from here on have compressed forms beyond the safe integers: nine times the amount, at most. */
const EXACT_AMOUNT_MAX = 1_000_000_000_000_000;
/** Bytes of a VARINT that is certain to be a safe integer. */
const SAFE_VARINT_BYTES = 7;

/** Base 128, highest part first, each continuation minus one: no number has two encodings. */
export function writeVarInt(w: Writer, value: number): void {
  if (value < 0x80) w.u8(value);
  else writeVarIntPart(w, value, 0);
}

function writeVarIntPart(w: Writer, value: number, continuation: number): void {
  if (value >= 0x80) writeVarIntPart(w, Math.floor(value / 128) - 1, 0x80);
  w.u8((value % 128) | continuation);
}

/** Bytes that `value` takes. */
export function varIntBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128) - 1) bytes += 1;
  return bytes;
}

/** Puts it where its last byte is at `end`. */
export function putVarInt(target: Uint8Array, end: number, value: number): void {
  target[end] = value % 128;
  for (let rest = value, at = end - 1; rest >= 0x80; at -= 1) {
    rest = Math.floor(rest / 128) - 1;
    target[at] = (rest % 128) | 0x80;
  }
}

/** Throws DecodeError for values that are no safe integers. */
export function readVarInt(r: Reader): number {
  let value = 0;
  for (;;) {
    const byte = r.u8();
    value = value * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) break;
    value += 1;
  }
  if (!Number.isSafeInteger(value)) throw new DecodeError('Variable-length integer out of range');
  return value;
}

/** The amount with its trailing decimal zeros packed away, and the script in its short form if it has one. */
export function writeCompressedOutput(w: Writer, output: TxOutput): void {
  if (output.value < EXACT_AMOUNT_MAX) writeVarInt(w, compressAmount(output.value));
  else writeVarIntBig(w, compressAmountBig(BigInt(output.value)));
  writeCompressedScript(w, output.scriptPubKey);
}

/** The script is a fresh array. Throws DecodeError. */
export function readCompressedOutput(r: Reader): TxOutput {
  const value =
    varIntBytesAt(r) <= SAFE_VARINT_BYTES
      ? decompressAmount(readVarInt(r))
      : Number(decompressAmountBig(readVarIntBig(r)));
  return { value, scriptPubKey: readCompressedScript(r) };
}

/** Core: CompressAmount. 1 + 10·(9·n + d − 1) + e for the amount (10·n + d)·10^e, d from 1 to 9. */
export function compressAmount(amount: number): number {
  if (amount === 0) return 0;
  let exponent = 0;
  while (amount % 10 === 0 && exponent < 9) {
    amount /= 10;
    exponent += 1;
  }
  if (exponent === 9) return 1 + (amount - 1) * 10 + 9;
  const digit = amount % 10;
  return 1 + (Math.floor(amount / 10) * 9 + digit - 1) * 10 + exponent;
}

/** Core: DecompressAmount. */
export function decompressAmount(compressed: number): number {
  if (compressed === 0) return 0;
  compressed -= 1;
  const exponent = compressed % 10;
  compressed = Math.floor(compressed / 10);
  if (exponent === 9) return (compressed + 1) * 1e9;
  const digit = (compressed % 9) + 1;
  return (Math.floor(compressed / 9) * 10 + digit) * 10 ** exponent;
}

function compressAmountBig(amount: bigint): bigint {
  let exponent = 0n;
  while (amount % 10n === 0n && exponent < 9n) {
    amount /= 10n;
    exponent += 1n;
  }
  if (exponent === 9n) return 1n + (amount - 1n) * 10n + 9n;
  return 1n + ((amount / 10n) * 9n + (amount % 10n) - 1n) * 10n + exponent;
}

function decompressAmountBig(compressed: bigint): bigint {
  compressed -= 1n;
  const exponent = compressed % 10n;
  compressed /= 10n;
  if (exponent === 9n) return (compressed + 1n) * 1_000_000_000n;
  return ((compressed / 9n) * 10n + (compressed % 9n) + 1n) * 10n ** exponent;
}

function writeVarIntBig(w: Writer, value: bigint): void {
  const reversed: number[] = [];
  let rest = value;
  for (;;) {
    reversed.push(Number(rest & 0x7fn) | (reversed.length > 0 ? 0x80 : 0));
    if (rest < 0x80n) break;
    rest = (rest >> 7n) - 1n;
  }
  for (let i = reversed.length - 1; i >= 0; i -= 1) w.u8(reversed[i]!);
}

function readVarIntBig(r: Reader): bigint {
  let value = 0n;
  for (;;) {
    const byte = r.u8();
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (value >> 64n > 0n) throw new DecodeError('Variable-length integer out of range');
    if ((byte & 0x80) === 0) return value;
    value += 1n;
  }
}

/** Bytes of the integer that starts here, without moving on. */
function varIntBytesAt(r: Reader): number {
  let at = r.position;
  while (at < r.end && (r.bytes[at]! & 0x80) !== 0) at += 1;
  return at - r.position + 1;
}

function writeCompressedScript(w: Writer, script: Uint8Array): void {
  const size = script.length;
  if (isPayToPubKeyHash(script)) {
    w.u8(0);
    w.put(script.subarray(3, 23));
  } else if (isPayToScriptHash(script)) {
    w.u8(1);
    w.put(script.subarray(2, 22));
  } else if (size === 35 && script[0] === 33 && isCompressedKind(script[1]!) && script[34] === OP_CHECKSIG) {
    w.put(script.subarray(1, 34));
  } else if (isPayToFullPubKey(script)) {
    w.u8(4 | (script[65]! & 1));
    w.put(script.subarray(2, 34));
  } else {
    writeVarInt(w, size + SPECIAL_SCRIPTS);
    w.put(script);
  }
}

function readCompressedScript(r: Reader): Uint8Array {
  const size = readVarInt(r);
  switch (size) {
    case 0:
      return concatBytes(PUBLIC_KEY_HASH_HEAD, r.take(20), PUBLIC_KEY_HASH_TAIL);
    case 1:
      return concatBytes(SCRIPT_HASH_HEAD, r.take(20), SCRIPT_HASH_TAIL);
    case 2:
    case 3:
      return concatBytes(Uint8Array.of(33, size), r.take(32), PUBLIC_KEY_TAIL);
    case 4:
    case 5: {
      const compressed = Uint8Array.of(size - 2, ...r.take(32));
      const full = curve().convertPublicKey(compressed, false);
      if (full === undefined) throw new DecodeError(`No public key: ${bytesToHex(compressed)}`);
      return Uint8Array.of(65, ...full, OP_CHECKSIG);
    }
  }
  const length = size - SPECIAL_SCRIPTS;
  const start = r.advance(length);
  return length > SCRIPT_BYTES_MAX ? Uint8Array.of(OP_RETURN) : r.bytes.slice(start, start + length);
}

function isPayToPubKeyHash(script: Uint8Array): boolean {
  return (
    script.length === 25 &&
    script[0] === OP_DUP &&
    script[1] === OP_HASH160 &&
    script[2] === 20 &&
    script[23] === OP_EQUALVERIFY &&
    script[24] === OP_CHECKSIG
  );
}

function isPayToScriptHash(script: Uint8Array): boolean {
  return script.length === 23 && script[0] === OP_HASH160 && script[1] === 20 && script[22] === OP_EQUAL;
}

/** Only a key that lies on the curve can be told from its x and parity. */
function isPayToFullPubKey(script: Uint8Array): boolean {
  return (
    script.length === 67 &&
    script[0] === 65 &&
    script[1] === 4 &&
    script[66] === OP_CHECKSIG &&
    curve().convertPublicKey(script.subarray(1, 66), true) !== undefined
  );
}

function isCompressedKind(kind: number): boolean {
  return kind === 2 || kind === 3;
}
