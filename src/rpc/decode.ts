/** Transactions, headers and blocks from the hexadecimal that callers send (Core: core_io.cpp). */
import { hexToBytes, isHex } from '../base/bytes.ts';
import { MALFORMED, parseScript, SCRIPT_BYTES_MAX } from '../script/opcodes.ts';
import { type Block, type BlockHeader, block, blockHeader } from '../wire/block.ts';
import { DecodeError, Reader } from '../wire/codec.ts';
import { decodeTransaction, type Transaction, type TxFormat } from '../wire/transaction.ts';

/** For who may mean a transaction without inputs, which has yet to be funded. */
export const BOTH_TX_FORMATS: readonly TxFormat[] = ['witness', 'basic'];
const FINISHED: readonly TxFormat[] = ['witness'];

/**
 * undefined when no format fits. Bytes that start as a witness transaction may also be one without inputs: of both
 * formats, the reading whose scripts make sense wins, the witness one first.
 */
export function decodeHexTx(hex: string, formats: readonly TxFormat[] = FINISHED): Transaction | undefined {
  if (hex === '' || !isHex(hex)) return undefined;
  const bytes = hexToBytes(hex);
  const readings = formats.flatMap(format => orNone(() => decodeTransaction(bytes, format)));
  return readings.find(hasSaneScripts) ?? readings[0];
}

/** Bytes left over are ignored, as Core does for blocks and headers. */
export function decodeHexBlock(hex: string): Block | undefined {
  if (hex === '' || !isHex(hex)) return undefined;
  return orNone(() => block.read(new Reader(hexToBytes(hex))))[0];
}

export function decodeHexHeader(hex: string): BlockHeader | undefined {
  if (hex === '' || !isHex(hex)) return undefined;
  return orNone(() => blockHeader.read(new Reader(hexToBytes(hex))))[0];
}

/** Whether the script is made of known opcodes and complete pushes (Core: HasValidOps). */
export function hasValidOps(script: Uint8Array): boolean {
  for (const { opcode, data } of parseScript(script)) {
    // 0xba, OP_CHECKSIGADD, is the last one with a name.
    if (opcode === MALFORMED || opcode > 0xba || (data !== undefined && data.length > 520)) return false;
  }
  return true;
}

function hasSaneScripts(tx: Transaction): boolean {
  const inputsAreSane =
    tx.isCoinbase ||
    tx.inputs.every(({ scriptSig }) => scriptSig.length <= SCRIPT_BYTES_MAX && hasValidOps(scriptSig));
  return (
    inputsAreSane &&
    tx.outputs.every(
      ({ scriptPubKey }) => scriptPubKey.length <= SCRIPT_BYTES_MAX && hasValidOps(scriptPubKey),
    )
  );
}

function orNone<T>(decode: () => T): T[] {
  try {
    return [decode()];
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}
