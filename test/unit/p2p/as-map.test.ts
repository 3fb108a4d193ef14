/** Maps of autonomous systems: Core's example and where it puts addresses by it; what is refused; books over a change of maps. */
import { expect, test } from 'vitest';
import { binaryToBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { sha256d } from '../../../src/crypto/sha256.ts';
import { AddressBook } from '../../../src/p2p/address-book.ts';
import { newBucket, triedSlot } from '../../../src/p2p/address-hash.ts';
import { bucketOfSlot } from '../../../src/p2p/address-table.ts';
import { AsMap } from '../../../src/p2p/as-map.ts';
import { mappedAs, netgroupOf } from '../../../src/p2p/netgroup.ts';
import { decodePeersFile, encodePeersFile } from '../../../src/p2p/peers-file.ts';
import { DecodeError } from '../../../src/wire/codec.ts';
import { describeShared, readShared } from '../../support/shared.ts';
import { address, PUBLIC, START, timed } from './support.ts';

/** Core's src/test/data/asmap.raw: 250.0.0.0/8 is of system 1000, 101.N.0.0/16 of system N or so; the table is what bitcoind says. */
const FILE = hexToBytes(
  'fb03ec0fb03fc0fe00fb03ec0fb03fc0fe00fb03ec0fb0fffffeffedb0ffd486e628290000400000400040990100800180040000050006001cf039',
);
const asMap = new AsMap(FILE);
const MAPPED = { ...PUBLIC, asMap };
const MAGIC = hexToBytes('fabfb5da');

describeShared('Core’s file', () => {
  test('is this one', () => expect(new Uint8Array(readShared('vectors/core/asmap.raw'))).toEqual(FILE));
});

test.each([
  ['250.1.2.3', 1_000],
  ['101.1.2.3', 1],
  ['101.8.0.1', 8],
  ['101.9.0.1', 8],
  ['101.200.0.1', 0],
  ['8.8.8.8', 0],
  // IPv4 in a tunnel (6to4).
  ['[2002:fa01:203::1]', 1_000],
  ['[2a00::1]', 0],
  // Nobody's on the Internet.
  ['127.0.0.1', 0],
] as const)('%s is of system %i', (host, system) => {
  expect(mappedAs(address(host), MAPPED)).toBe(system);
  expect(mappedAs(address(host), PUBLIC)).toBe(0);
});

test('a system is one group, and buckets are those that Core’s tests expect', () => {
  expect(netgroupOf(address('250.1.2.3'), MAPPED)).toBe('\x02\xe8\x03\0\0');
  expect(netgroupOf(address('250.9.9.9'), MAPPED)).toBe(netgroupOf(address('250.1.2.3'), MAPPED));
  expect(netgroupOf(address('8.8.8.8'), MAPPED)).toBe(netgroupOf(address('8.8.8.8'), PUBLIC));
  // caddrinfo_get_tried_bucket and caddrinfo_get_new_bucket in src/test/addrman_tests.cpp.
  const key = binaryToBytes(sha256d(Uint8Array.of(1, 0, 0, 0)));
  expect(bucketOfSlot(triedSlot(key, address('250.1.1.1'), MAPPED))).toBe(236);
  expect(newBucket(key, address('250.1.2.1'), address('250.1.2.1'), MAPPED)).toBe(795);
});

test('any address is found in it, and whatever is no map is refused', () => {
  const random = new SeededRandom(1);
  for (let i = 0; i < 2_000; i += 1) expect(asMap.systemOf(random.bytes(16))).toBeLessThanOrEqual(1_000);
  const refused = (bytes: Uint8Array) => expect(() => new AsMap(bytes)).toThrow(DecodeError);
  for (let length = 0; length < FILE.length; length += 1) refused(FILE.subarray(0, length));
  refused(Uint8Array.of(...FILE, 0));
  // Spoilt ones are refused, or still give an answer for every address.
  let taken = 0;
  for (let i = 0; i < 3_000; i += 1) {
    const bytes = Uint8Array.from(FILE);
    bytes[randomBelow(random, FILE.length)]! ^= 1 << randomBelow(random, 8);
    try {
      const spoilt = new AsMap(bytes);
      taken += 1;
      for (let j = 0; j < 20; j += 1) expect(spoilt.systemOf(random.bytes(16))).toBeGreaterThanOrEqual(0);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  expect(taken).toBeGreaterThan(100);
});

test('a book keeps its buckets with the same map, and sorts all anew by another', () => {
  const random = new SeededRandom(2);
  const book = new AddressBook({ random }, MAPPED);
  for (let i = 0; i < 300; i += 1) {
    const told = timed(`${[101, 250, 8][i % 3]}.${i % 256}.${i >> 4}.1`, START / 1_000);
    book.add([told], address(`101.${i % 10}.1.1`), START);
    if (i % 10 === 0) book.good(told, START);
  }
  const file = encodePeersFile(book.data(), MAGIC, asMap.version);
  const same = new AddressBook(
    { random },
    { ...MAPPED, checkOneIn: 1 },
    decodePeersFile(file, MAGIC, asMap.version),
  );
  expect(encodePeersFile(same.data(), MAGIC, asMap.version)).toEqual(file);
  const other = new AddressBook({ random }, { ...PUBLIC, checkOneIn: 1 }, decodePeersFile(file, MAGIC));
  expect(other.size).toBeGreaterThan(0.9 * book.size);
  for (const { entry, bucket } of other.entries('new'))
    expect(bucket).toBe(newBucket(book.data().key, entry.address, entry.source, PUBLIC));
});
