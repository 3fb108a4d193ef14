/** The vectors of BIP324: ElligatorSwift both ways, and packets from keys to ciphertext. */
import { expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { createExchangeKey, PACKET_LENGTH_BYTES, PacketCipher } from '../../src/crypto/bip324.ts';
import { curve, nobleCurve } from '../../src/crypto/curve.ts';
import { ellswiftDecode, xswiftec, xswiftecInverse } from '../../src/crypto/ellswift.ts';
import { publicKeyOf } from '../../src/crypto/keys.ts';
import { FIELD_SIZE as P, readScalar } from '../../src/crypto/scalar.ts';
import { describeShared, readShared } from '../support/shared.ts';

const MAINNET_MAGIC = hexToBytes('f9beb4d9');

function rowsOf(name: string): string[][] {
  const text = readShared(`vectors/${name}`).toString('utf8');
  return text
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map(row => row.split(','));
}

const number = (hex: string) => BigInt(`0x${hex}`);
const hex32 = (value: bigint) => value.toString(16).padStart(64, '0');

const mod = (value: bigint) => ((value % P) + P) % P;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) result = mod(result * result * (bit === '1' ? base : 1n));
  return result;
}

function root(a: bigint): bigint | undefined {
  const candidate = power(a, (P + 1n) / 4n);
  return mod(candidate * candidate) === a ? candidate : undefined;
}

/** XSwiftECInv, line by line. */
function inverseByTheText(x: bigint, u: bigint, kind: number): bigint | undefined {
  const divide = (a: bigint, b: bigint) => mod(a * power(mod(b), P - 2n));
  const c = root(P - 3n)!;
  let v: bigint;
  let s: bigint;
  if ((kind & 2) === 0) {
    if (root(mod((-x - u) ** 3n + 7n)) !== undefined) return undefined;
    v = (kind & 1) === 0 ? x : mod(-x - u);
    s = divide(-(u ** 3n + 7n), u ** 2n + u * v + v ** 2n);
  } else {
    s = mod(x - u);
    if (s === 0n) return undefined;
    const r = root(mod(-s * (4n * (u ** 3n + 7n) + 3n * u ** 2n * s)));
    if (r === undefined || ((kind & 1) === 1 && r === 0n)) return undefined;
    v = divide(-u + ((kind & 1) === 0 ? 1n : -1n) * divide(r, s), 2n);
  }
  const w = root(s);
  if (w === undefined) return undefined;
  const sign = (kind & 4) === 0 ? -1n : 1n;
  return mod(sign * w * (divide(u * (1n - c), 2n) + v));
}

describeShared('BIP324', () => {
  test('decodes every encoding', () => {
    const rows = rowsOf('core/ellswift_decode_test_vectors.csv');
    expect(rows.length).toBe(76);
    for (const [encoded, x, comment] of rows)
      expect(bytesToHex(ellswiftDecode(hexToBytes(encoded!))), comment).toBe(x);
  });

  test('inverts every branch', () => {
    const rows = rowsOf('core/xswiftec_inv_test_vectors.csv');
    expect(rows.length).toBe(32);
    let found = 0;
    for (const [u, x, ...rest] of rows) {
      for (let kind = 0; kind < 8; kind += 1) {
        const t = xswiftecInverse(number(x!), number(u!), kind);
        expect(t === undefined ? '' : hex32(t), `u ${u}, branch ${kind}`).toBe(rest[kind]);
        if (t === undefined) continue;
        expect(xswiftec(number(u!), t)).toBe(number(x!));
        found += 1;
      }
    }
    expect(found).toBe(98);
  });

  test('inverts as the text of BIP324 does, powers and all', () => {
    const random = new SeededRandom(3_240);
    let found = 0;
    for (let i = 0; i < 60; i += 1) {
      const u = readScalar(random.bytes(32)) % P;
      // Every third is of no point, so that the answer must not lean on it.
      const x =
        i % 3 === 0 ? readScalar(random.bytes(32)) % P : xswiftec(u, readScalar(random.bytes(32)) % P);
      for (let kind = 0; kind < 8; kind += 1) {
        const t = xswiftecInverse(x, u, kind);
        expect(t, `round ${i}, branch ${kind}`).toBe(inverseByTheText(x, u, kind));
        if (t !== undefined) found += 1;
      }
    }
    expect(found).toBeGreaterThan(100);
  });

  test('encodes keys so that they decode', () => {
    const random = new SeededRandom(324);
    for (let i = 0; i < 20; i += 1) {
      const { secretKey, encoded } = createExchangeKey(random);
      expect(bytesToHex(ellswiftDecode(encoded))).toBe(bytesToHex(publicKeyOf(secretKey).subarray(1)));
      const point = publicKeyOf(createExchangeKey(random).secretKey);
      expect(curve().multiplyForX(point, secretKey)).toEqual(nobleCurve.multiplyForX(point, secretKey));
    }
  });

  test('seals and opens packets', () => {
    const rows = rowsOf('bips/bip-0324_packet_encoding_test_vectors.csv');
    expect(rows.length).toBe(7);
    for (const row of rows) {
      const index = Number(row[0]);
      const key = { secretKey: hexToBytes(row[1]!), encoded: hexToBytes(row[2]!) };
      const [theirs, initiating] = [hexToBytes(row[3]!), row[4] === '1'];
      const contents = concatBytes(...new Array<Uint8Array>(Number(row[6])).fill(hexToBytes(row[5]!)));
      const associated = hexToBytes(row[7]!);
      const ignored = row[8] === '1';
      const cipher = new PacketCipher(key, theirs, { magic: MAINNET_MAGIC, initiating });
      expect(bytesToHex(cipher.sendTerminator)).toBe(row[17]);
      expect(bytesToHex(cipher.receiveTerminator)).toBe(row[18]);
      expect(bytesToHex(cipher.sessionId)).toBe(row[19]);
      for (let i = 0; i < index; i += 1) cipher.seal([]);
      const packet = cipher.seal([contents], { associated, ...(ignored && { ignored }) });
      if (row[20] !== '') expect(bytesToHex(packet)).toBe(row[20]);
      else expect(bytesToHex(packet).endsWith(row[21]!)).toBe(true);
    }
  });

  test('opens what the other end sealed, over several keys, and nothing that was changed', () => {
    const random = new SeededRandom(224);
    const [a, b] = [createExchangeKey(random), createExchangeKey(random)];
    const magic = MAINNET_MAGIC;
    const initiator = new PacketCipher(a, b.encoded, { magic, initiating: true });
    const responder = new PacketCipher(b, a.encoded, { magic, initiating: false });
    expect(initiator.sessionId).toEqual(responder.sessionId);
    for (let i = 0; i < 500; i += 1) {
      const contents = random.bytes(i % 70);
      const packet = initiator.seal([contents.subarray(0, 1), contents.subarray(1)]);
      expect(responder.openLength(packet)).toBe(contents.length);
      const opened = responder.open(packet.subarray(PACKET_LENGTH_BYTES));
      expect(opened).toEqual({ contents: Buffer.from(contents), ignored: false });
    }
    const packet = responder.seal([Uint8Array.of(1, 2, 3)]);
    initiator.openLength(packet);
    packet[PACKET_LENGTH_BYTES + 2]! ^= 1;
    expect(initiator.open(packet.subarray(PACKET_LENGTH_BYTES))).toBeUndefined();
  });
});
