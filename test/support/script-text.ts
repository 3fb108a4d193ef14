/** Scripts as Core's test data writes them: numbers, 0x… as raw bytes, '…' as a push, opcodes with or without OP_. */
import { concatBytes, hexToBytes, textToBytes } from '../../src/base/bytes.ts';
import { OPCODES, pushData, pushNumber } from '../../src/script/opcodes.ts';

export function scriptFromText(text: string): Uint8Array {
  const words = text.split(/[ \t\n]+/).filter(word => word !== '');
  return concatBytes(...words.map(encodeWord));
}

function encodeWord(word: string): Uint8Array {
  if (/^-?\d+$/.test(word)) return pushNumber(Number(word));
  if (word.startsWith('0x')) return hexToBytes(word.slice(2));
  if (/^'.*'$/.test(word)) return pushData(textToBytes(word.slice(1, -1)));
  const name = word.startsWith('OP_') ? word : `OP_${word}`;
  const opcode = Object.entries(OPCODES).find(([known]) => known === name)?.[1];
  if (opcode === undefined) throw new Error(`Unknown opcode in test data: ${word}`);
  return Uint8Array.of(opcode);
}
