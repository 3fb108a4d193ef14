/** Wire formats against complete messages as recorded, real blocks, and inputs of public fuzzers. */
import { expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/base/bytes.ts';
import { block, decodeBlock } from '../../src/wire/block.ts';
import { type Codec, DecodeError, Reader } from '../../src/wire/codec.ts';
import { encodeFrame, FrameDecoder } from '../../src/wire/frame.ts';
import {
  type Command,
  decodeMessage,
  encodePayload,
  isKnownCommand,
  messages,
} from '../../src/wire/messages.ts';
import { readTransaction } from '../../src/wire/transaction.ts';
import { readFuzzInputs } from '../support/fuzz-inputs.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

const MAINNET = hexToBytes('f9beb4d9');

describeShared('recorded messages', () => {
  const recorded = readSharedJson<Record<string, Record<string, string>>>(
    'vectors/p2p/bitcore-messages.json.gz',
  );
  const rows = Object.entries(recorded).flatMap(([command, texts]) =>
    Object.entries(texts).map(([name, hex]) => [command, name, hex] as const),
  );
  test.each(rows.filter(([, name]) => name === 'message'))('%s', (command, _, hex) => {
    const bytes = hexToBytes(hex);
    const decoder = new FrameDecoder(MAINNET);
    decoder.push(bytes);
    const frame = decoder.next();
    expect(frame).toMatchObject({ kind: 'frame', command, size: bytes.length });
    if (frame?.kind !== 'frame') return;
    expect(bytesToHex(encodeFrame(MAINNET, command, frame.payload))).toBe(hex);
    if (!isKnownCommand(command)) return;
    const again = encodePayload(decodeMessage(command, frame.payload));
    expect(bytesToHex(again)).toBe(bytesToHex(frame.payload));
  });

  test('a version without its last byte is of a peer that wants transactions', () => {
    // This one's header was left as it was before the byte was cut.
    const payload = hexToBytes(rows.find(([, name]) => name === 'messagenofrelay')![2]).subarray(24);
    const message = decodeMessage('version', payload);
    expect(message).toMatchObject({ relay: true });
    expect(bytesToHex(encodePayload(message))).toBe(`${bytesToHex(payload)}01`);
  });

  test('a block of 2015 reads back', () => {
    const raw = readShared('vectors/p2p/test3-898352.blk');
    expect(Buffer.from(encodePayload({ command: 'block', block: decodeBlock(raw) })).equals(raw)).toBe(true);
  });
});

describeShared('inputs of fuzzers', () => {
  const inputs = readFuzzInputs('bitcoinfuzz', 'kernel-qa-assets');
  const formats = inputs.filter(({ target }) => /addrv2|transaction|block|psbt/.test(target));

  function readOrRefuse<T>(codec: Pick<Codec<T>, 'read'>, bytes: Uint8Array): T | undefined {
    try {
      return codec.read(new Reader(bytes));
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }

  test('every message decodes or is refused as undecodable', () => {
    expect(formats.length).toBeGreaterThan(1_000);
    for (const { hex } of formats) {
      const bytes = hexToBytes(hex);
      for (const command of Object.keys(messages) as Command[])
        readOrRefuse(messages[command] as Codec<unknown>, bytes);
    }
  });

  test('what decodes as a transaction or block is what it was made of', () => {
    let count = 0;
    for (const { hex } of formats) {
      const bytes = hexToBytes(hex);
      const tx = readOrRefuse({ read: readTransaction }, bytes);
      if (tx !== undefined) {
        count += 1;
        expect(hex.startsWith(bytesToHex(tx.raw))).toBe(true);
        const stripped = readOrRefuse({ read: r => readTransaction(r, 'basic') }, tx.strippedBytes());
        expect(stripped?.txid).toBe(tx.txid);
      }
      const whole = readOrRefuse(block, bytes);
      if (whole === undefined) continue;
      count += 1;
      expect(hex.startsWith(bytesToHex(whole.raw))).toBe(true);
    }
    expect(count).toBeGreaterThan(300);
  });

  test('frames of any bytes end or go on, and nothing throws', () => {
    for (const { hex } of inputs) {
      const bytes = hexToBytes(hex).slice(0, 3_000);
      for (const stream of [bytes, concatBytes(MAINNET, bytes)]) {
        const decoder = new FrameDecoder(MAINNET);
        decoder.push(stream);
        for (let frame = decoder.next(); frame !== undefined; ) frame = decoder.next();
      }
    }
  });
});
