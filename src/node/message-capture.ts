/**
 * All messages to and from peers, in files (`-capturemessages`; Core: CaptureMessageToFile in src/net.cpp, whose tool
 * message-capture-parser.py reads them): `message_capture/ADDRESS/msgs_recv.dat` and `msgs_sent.dat`. Each is a time in
 * microseconds (8 bytes), the type (12), the length of the payload (4), and the payload. For looking into things: it is
 * written before the node goes on.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { concatBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { addressText, type NetAddress } from '../wire/net-address.ts';

const FOLDER = 'message_capture';
const FILES = { received: 'msgs_recv.dat', sent: 'msgs_sent.dat' } as const;
const TYPE_OFFSET = 8;
const LENGTH_OFFSET = 20;
const HEAD_BYTES = 24;
const MICROSECONDS = 1_000n;

export type CaptureMessage = (
  peer: NetAddress,
  command: string,
  payload: Uint8Array,
  direction: keyof typeof FILES,
) => void;

export function messageCapture(clock: Clock, directory: string): CaptureMessage {
  const folders = new Set<string>();
  return (peer, command, payload, direction) => {
    const folder = path.join(directory, FOLDER, addressText(peer).replaceAll(':', '_'));
    if (!folders.has(folder)) mkdirSync(folder, { recursive: true });
    folders.add(folder);
    const head = new Uint8Array(HEAD_BYTES);
    const view = new DataView(head.buffer);
    view.setBigInt64(0, BigInt(Math.trunc(clock.now())) * MICROSECONDS, true);
    head.set(Buffer.from(command, 'latin1').subarray(0, LENGTH_OFFSET - TYPE_OFFSET), TYPE_OFFSET);
    view.setUint32(LENGTH_OFFSET, payload.length, true);
    appendFileSync(path.join(folder, FILES[direction]), concatBytes(head, payload));
  };
}
