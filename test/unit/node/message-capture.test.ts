/** Captured messages: one file a peer and direction, in the form that Core's parser reads. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bytesToHex } from '../../../src/base/bytes.ts';
import { messageCapture } from '../../../src/node/message-capture.ts';
import { parseAddress } from '../../../src/wire/net-address.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'capture-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('messages are appended, by peer and direction', () => {
  const capture = messageCapture({ now: () => 1_700_000_000_123.7 }, directory);
  const [a, b] = [parseAddress('1.2.3.4', 8333)!, parseAddress('[::1]', 8333)!];
  capture(a, 'ping', Uint8Array.of(1, 2), 'sent');
  capture(a, 'verack', new Uint8Array(0), 'sent');
  capture(b, 'sendtxrcncl1', Uint8Array.of(9), 'received');
  const read = (folder: string, file: string) =>
    bytesToHex(readFileSync(path.join(directory, 'message_capture', folder, file)));
  const time = bytesToHex(new Uint8Array(new BigInt64Array([1_700_000_000_123_000n]).buffer));
  const type = (text: string) => Buffer.from(text.padEnd(12, '\0'), 'latin1').toString('hex');
  expect(read('1.2.3.4_8333', 'msgs_sent.dat')).toBe(
    `${time}${type('ping')}020000000102${time}${type('verack')}00000000`,
  );
  expect(read('[__1]_8333', 'msgs_recv.dat')).toBe(`${time}${type('sendtxrcncl1')}0100000009`);
});
