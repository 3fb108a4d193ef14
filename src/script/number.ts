/**
 * Numbers as scripts hold them: little endian, the top bit of the last byte is the sign, no bytes is zero
 * (Core: CScriptNum in src/script/script.h). Operands have at most 4 bytes (5 for the lock-time opcodes), results may
 * be longer and are valid as long as nothing calculates with them; all of that fits a double exactly.
 */
import { EMPTY_BYTES } from '../base/bytes.ts';

/** Bytes of an operand of the numeric opcodes (Core: nDefaultMaxNumSize). */
export const NUMBER_BYTES_MAX = 4;
/** Bytes of an operand of OP_CHECKLOCKTIMEVERIFY and OP_CHECKSEQUENCEVERIFY: their fields are unsigned 32 bits. */
export const LOCK_NUMBER_BYTES_MAX = 5;

/** The number that `bytes` stand for (at most 6 of them), in any encoding. */
export function decodeNumber(bytes: Uint8Array): number {
  const { length } = bytes;
  if (length === 0) return 0;
  const last = bytes[length - 1]!;
  let value = last & 0x7f;
  for (let i = length - 2; i >= 0; i -= 1) value = value * 256 + bytes[i]!;
  // Subtracted, because negating would make −0 of zero.
  return last & 0x80 ? 0 - value : value;
}

/** Whether no shorter encoding of the same number exists (MINIMALDATA); negative zero is not minimal. */
export function isMinimalNumber(bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (length === 0 || (bytes[length - 1]! & 0x7f) !== 0) return true;
  // The last byte carries only the sign: it is needed when the byte below has its top bit in use.
  return length > 1 && (bytes[length - 2]! & 0x80) !== 0;
}

/** The shortest encoding of a safe integer. */
export function encodeNumber(value: number): Uint8Array {
  if (value === 0) return EMPTY_BYTES;
  const bytes: number[] = [];
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  const sign = value < 0 ? 0x80 : 0;
  if (bytes.at(-1)! & 0x80) bytes.push(sign);
  else bytes[bytes.length - 1]! |= sign;
  return Uint8Array.from(bytes);
}

/** What OP_IF and OP_VERIFY take for true: any byte set, other than the sign of negative zero. */
export function isTruthy(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i += 1) {
    if (bytes[i] !== 0) return !(i === bytes.length - 1 && bytes[i] === 0x80);
  }
  return false;
}
