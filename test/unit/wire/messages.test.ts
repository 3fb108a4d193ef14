/** The whole message table: round trips, every truncation, limits, and bytes that mean nothing. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes, ZERO_HASH } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { DecodeError, TooManyError, Writer } from '../../../src/wire/codec.ts';
import {
  type Command,
  decodeMessage,
  encodePayload,
  type Message,
  messages,
} from '../../../src/wire/messages.ts';
import { RANDOM_MESSAGES } from '../../support/random-messages.ts';

const COMMANDS = Object.keys(messages) as Command[];
/** Whose hashes, computed on first use, make them unequal: compared by their bytes. */
const WITH_TRANSACTIONS: ReadonlySet<Command> = new Set(['tx', 'block', 'cmpctblock', 'blocktxn']);
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

function outcome(command: Command, payload: Uint8Array): Message | undefined {
  try {
    return decodeMessage(command, payload);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

describe.each(COMMANDS)('%s', command => {
  test('decodes to what was encoded, whatever follows', () => {
    for (const seed of SEEDS) {
      const message = RANDOM_MESSAGES[command](new SeededRandom(seed));
      const payload = encodePayload(message);
      const decoded = decodeMessage(command, payload);
      expect(bytesToHex(encodePayload(decoded)), `seed ${seed}`).toBe(bytesToHex(payload));
      if (!WITH_TRANSACTIONS.has(command)) expect(decoded, `seed ${seed}`).toEqual(message);
      // BIP434 wants nothing to follow.
      if (command === 'feature') continue;
      const longer = decodeMessage(command, concatBytes(payload, Uint8Array.of(1, 2, 3)));
      expect(bytesToHex(encodePayload(longer)), `seed ${seed}`).toBe(bytesToHex(payload));
    }
  });

  test('is refused when it is cut short', () => {
    for (const seed of SEEDS) {
      const payload = encodePayload(RANDOM_MESSAGES[command](new SeededRandom(seed)));
      for (let length = 0; length < payload.length; length += 1) {
        const isWhole = outcome(command, payload.subarray(0, length)) !== undefined;
        const wanted = mayEnd(command, length, payload);
        if (isWhole !== wanted)
          expect.unreachable(`seed ${seed}, ${length} of ${payload.length} bytes: ${isWhole}`);
      }
    }
  });

  test('random bytes decode or are a DecodeError', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = new SeededRandom(seed);
      const bytes = random.bytes(randomBelow(random, 120));
      if (bytes.length > 0 && seed % 2 === 0) bytes[0] = randomBelow(random, 4);
      outcome(command, bytes);
      const damaged = encodePayload(RANDOM_MESSAGES[command](random)).slice();
      if (damaged.length === 0) continue;
      damaged[randomBelow(random, damaged.length)] = randomBelow(random, 256);
      outcome(command, damaged);
    }
  });
});

/** Only `version` has a tail that may be missing, field by field; a ping or pong may come without its nonce. */
function mayEnd(command: Command, length: number, payload: Uint8Array): boolean {
  if (command === 'ping' || command === 'pong') return true;
  if (command !== 'version') return false;
  const head = 4 + 8 + 8 + 26;
  const nonce = head + 26 + 8;
  return [head, nonce, payload.length - 5, payload.length - 1].includes(length);
}

describe('limits', () => {
  const counted: readonly [Command, number, number, Uint8Array][] = [
    ['addr', 1_000, 30, new Uint8Array(0)],
    ['addrv2', 1_000, 13, new Uint8Array(0)],
    ['inv', 50_000, 36, new Uint8Array(0)],
    ['getdata', 50_000, 36, new Uint8Array(0)],
    ['notfound', 50_000, 36, new Uint8Array(0)],
    ['headers', 2_000, 81, new Uint8Array(0)],
    ['getheaders', 101, 32, new Uint8Array(4)],
    ['getblocks', 101, 32, new Uint8Array(4)],
  ];
  test.each(counted)('%s holds %d at most', (command, max, itemBytes, head) => {
    const payload = (count: number) => {
      const w = new Writer();
      w.put(head);
      w.compactSize(count);
      for (let i = 0; i < count; i += 1) w.put(itemOf(command, itemBytes));
      w.put(new Uint8Array(32));
      return w.finish();
    };
    expect(outcome(command, payload(max))).toBeDefined();
    expect(() => decodeMessage(command, payload(max + 1))).toThrow(TooManyError);
  });

  function itemOf(command: Command, bytes: number): Uint8Array {
    // time, services, network, length, four bytes, port
    return command === 'addrv2'
      ? hexToBytes('000000000001040102030420d0').slice(0, bytes)
      : new Uint8Array(bytes);
  }

  test('a user agent has 256 bytes at most', () => {
    const message = RANDOM_MESSAGES.version(new SeededRandom(1));
    const payload = (length: number) => encodePayload({ ...message, userAgent: 'x'.repeat(length) });
    expect(outcome('version', payload(256))).toBeDefined();
    expect(outcome('version', payload(257))).toBeUndefined();
  });

  test('a count that promises more than there is costs nothing', () => {
    const huge = hexToBytes('feffffff01');
    for (const command of ['tx', 'block', 'inv', 'addr'] as const) {
      const head = new Uint8Array(command === 'tx' ? 4 : command === 'block' ? 80 : 0);
      expect(outcome(command, concatBytes(head, huge)), command).toBeUndefined();
    }
  });
});

describe('addrv2 (BIP155)', () => {
  const entry = (id: string, hex: string) =>
    hexToBytes(
      `01 01020304 fd0904 ${id} ${(hex.length / 2).toString(16).padStart(2, '0')} ${hex} 208d`.replaceAll(
        ' ',
        '',
      ),
    );
  const read = (bytes: Uint8Array) => {
    const message = decodeMessage('addrv2', bytes);
    return message.command === 'addrv2' ? message.addresses[0] : undefined;
  };
  const skipped: readonly [string, string, string][] = [
    ['an unknown network', '2a', '0102'],
    ['Tor v2', '03', '00'.repeat(10)],
    ['IPv4 within IPv6', '02', `${'00'.repeat(10)}ffff01020304`],
    ['Tor v2 within IPv6', '02', `fd87d87eeb43${'00'.repeat(10)}`],
    ['a name within IPv6', '02', `fd6b88c08724${'00'.repeat(10)}`],
    ['no bytes of an unknown network', 'ff', ''],
  ];
  test.each(skipped)('%s is skipped', (_, id, hex) => expect(read(entry(id, hex))).toBeUndefined());

  const refused: readonly [string, string, string][] = [
    ['IPv4 of 5 bytes', '01', '0102030405'],
    ['IPv6 of 4 bytes', '02', '01020304'],
    ['Tor v3 of 31 bytes', '04', '00'.repeat(31)],
    ['I2P of 33 bytes', '05', '00'.repeat(33)],
    ['CJDNS of 15 bytes', '06', 'fc'.repeat(15)],
  ];
  test.each(refused)('%s spoils the message', (_, id, hex) =>
    expect(() => read(entry(id, hex))).toThrow(DecodeError),
  );

  test('512 bytes of an unknown network are skipped, 513 refused', () => {
    const long = (bytes: number) => {
      const w = new Writer();
      w.put(hexToBytes('01010203040099'));
      w.compactSize(bytes);
      w.put(new Uint8Array(bytes + 2));
      return w.finish();
    };
    expect(read(long(512))).toBeUndefined();
    expect(() => read(long(513))).toThrow(DecodeError);
  });

  test('services are a compact size of up to 64 bits', () => {
    const bytes = hexToBytes('0101020304ffffffffffffffffff010401020304208d');
    expect(read(bytes)).toEqual({
      time: 0x04030201,
      services: 0xffff_ffff_ffff_ffffn,
      network: 'ipv4',
      bytes: Uint8Array.of(1, 2, 3, 4),
      port: 8333,
    });
    expect(() => read(hexToBytes('0101020304ff0100000000000000010401020304208d'))).toThrow(DecodeError);
  });
});

describe('compact sizes', () => {
  const written: readonly [number, string][] = [
    [0, '00'],
    [252, 'fc'],
    [253, 'fdfd00'],
    [0xffff, 'fdffff'],
    [0x1_0000, 'fe00000100'],
    [0x0200_0000, 'fe00000002'],
  ];
  test.each(written)('%d', (count, hex) => {
    const w = new Writer();
    w.compactSize(count);
    expect(bytesToHex(w.finish())).toBe(hex);
    const outcomeOf = () => decodeMessage('inv', hexToBytes(hex));
    if (count === 0) expect(outcomeOf()).toEqual({ command: 'inv', items: [] });
    else expect(outcomeOf).toThrow(DecodeError);
  });
  test.each(['fdfc00', 'feffff0000', 'ffffffffff00000000', 'fe01000002', 'ff0000000001000000'])(
    '%s is not canonical or too large',
    hex => expect(() => decodeMessage('inv', hexToBytes(hex))).toThrow(/non-canonical|too large/),
  );
});

test('a header of `headers` may be followed by any count', () => {
  const header = new Uint8Array(80);
  const payload = concatBytes(Uint8Array.of(1), header, hexToBytes('fd0102'));
  const message = decodeMessage('headers', payload);
  expect(message.command === 'headers' && message.headers[0]!.prevHash).toBe(ZERO_HASH);
});
