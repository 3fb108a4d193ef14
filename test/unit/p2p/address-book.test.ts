import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { equalBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/base/clock.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { sha256d } from '../../../src/crypto/sha256.ts';
import { AddressBook } from '../../../src/p2p/address-book.ts';
import { chanceOf, isTerrible } from '../../../src/p2p/address-entry.ts';
import { newBucket, triedSlot } from '../../../src/p2p/address-hash.ts';
import { bucketOfSlot } from '../../../src/p2p/address-table.ts';
import { hostOfName } from '../../../src/p2p/netgroup.ts';
import { decodePeersFile, encodePeersFile, PeersFileVersionError } from '../../../src/p2p/peers-file.ts';
import { DecodeError } from '../../../src/wire/codec.ts';
import { addressKey, hostText } from '../../../src/wire/net-address.ts';
import { address, PRIVATE, PUBLIC, START, timed } from './support.ts';

const REGTEST_MAGIC = hexToBytes('fabfb5da');
const NOW_S = START / 1000;

/** `peers.dat` of Core 31.99 (gzip), written with -test=addrman (key 1) after addpeeraddress of the addresses below. */
const CORE_FILE =
  'H4sIAAtEAWsCA/u1f+stFhVGBvyAE4i5QAwWBoeEaGYFbhfGbE5WhUWdvqvXHehhCFzSuOzWie6Un01G65yubPurv0Iy6P7jrHaFXsJqkK2BG82iULnnmKqEN6ukZ+mh7rRt2SyZ37+F5m9cY9i5fLbD3cX68gq9hNVgNZqRhZGJmUWhF0LjUPKLkZEdpARE41DCAQQgJSAapxIWFogSFuwWMQloMYgEODBySEMkFPgUejHFcGhVYGQpkOeGyzCCtKKL4dLKhOJ3iFY0MRx+8gWq2nMWQoOEMJQQjnEPHsJqsBpNOMY9eAirwWo0pv89eDDFsGqFJCQPHgiNQwkoIYGUgGgcSkAJCaQERONUwsICUcLCgsMb6IkH5A10MVwhgJZ4wCGAJoasdTgCULJnZhgF+AATuB5gYGAdDYpRMApGwSgYBaOApDYGMWrYRoNqFAxA2mSkkdlMUMwxGsyjAC3NsY8Gw4gELOZXy+UYph39keqT51jTEXln4qb4A5dbvHZOWd+YKycSAgBmpd0PnxQAAA==';

/** What its getrawaddrman said of them: table, bucket/position, host, port. */
const CORE_PLACES = [
  ['new', '53/63', '250.1.1.7', 8333],
  ['new', '125/41', '8.8.8.8', 8333],
  ['new', '125/48', '8.8.4.4', 8333],
  ['new', '587/27', 'ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p', 8333],
  ['new', '595/41', '2a00:1450:4001:81b::200e', 8333],
  ['new', '752/15', 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion', 8333],
  ['new', '774/4', '1.2.3.4', 8333],
  ['new', '774/46', '2002:102:304::1', 8333],
  ['new', '906/7', '2001:470:1f0b::1', 8333],
  ['tried', '31/11', '250.1.1.7', 18444],
  ['tried', '56/6', '8.8.8.8', 18444],
  ['tried', '72/56', '77.1.2.3', 48333],
  ['tried', '95/58', '2a00:1450:4001:81b::200e', 18444],
  ['tried', '120/16', 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion', 18444],
  ['tried', '137/21', '2002:102:304::1', 18444],
  ['tried', '145/60', '1.2.3.4', 18444],
  ['tried', '153/1', 'ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p', 18444],
  ['tried', '155/34', '8.8.4.4', 18444],
  ['tried', '214/36', '2001:470:1f0b::1', 18444],
] as const;

function coreFile(): Uint8Array {
  return new Uint8Array(gunzipSync(Buffer.from(CORE_FILE, 'base64')));
}

function newBook(seed = 1, options: { privateNetwork: boolean } = PUBLIC): AddressBook {
  return new AddressBook({ random: new SeededRandom(seed) }, options);
}

function places(book: AddressBook): string[] {
  const all = [...book.entries('new'), ...book.entries('tried')];
  return all.map(p => `${p.table} ${p.bucket}/${p.position} ${addressKey(p.entry.address)}`).sort();
}

describe('where addresses stand', () => {
  const key = Uint8Array.of(1, ...new Uint8Array(31));
  const expected = CORE_PLACES.map(([table, place, host, port]) => `${table} ${place} ${addressKey(address(host, port))}`).sort(); // biome-ignore format: one value

  test('the same addresses stand where Core put them', () => {
    const data = { key, fresh: [], tried: [], newBuckets: [] };
    const book = new AddressBook({ random: new SeededRandom(1) }, PUBLIC, data);
    for (const [table, , host, port] of CORE_PLACES) {
      const heard = { ...address(host, port), time: NOW_S, services: 9n };
      book.add([heard], heard, START);
      if (table === 'tried') book.good(heard, START);
    }
    expect(places(book)).toEqual(expected);
  });

  test("Core's own values of buckets", () => {
    // addrman_tests.cpp: nKey1 is the double hash of the integer 1.
    const hash = sha256d(Uint8Array.of(1, 0, 0, 0));
    const nKey1 = Uint8Array.from(hash, c => c.charCodeAt(0));
    expect(bucketOfSlot(triedSlot(nKey1, address('250.1.1.1'), PUBLIC))).toBe(40);
    expect(newBucket(nKey1, address('250.1.2.1'), address('250.1.2.1'), PUBLIC)).toBe(786);
  });

  test('one source reaches 64 buckets of new, one group 8 of tried', () => {
    const fresh = new Set<number>();
    const tried = new Set<number>();
    for (let i = 0; i < 2_000; i += 1) {
      const each = address(`250.${i % 256}.${i >> 8}.1`);
      fresh.add(newBucket(key, each, address('251.4.1.1'), PUBLIC));
      tried.add(bucketOfSlot(triedSlot(key, address(`250.1.${i % 256}.${i >> 8}`), PUBLIC)));
    }
    expect(fresh.size).toBeLessThanOrEqual(64);
    expect(tried.size).toBe(8);
  });
});

describe('peers.dat', () => {
  test("Core's file reads, and is written again as it was but for the order of entries", () => {
    const data = decodePeersFile(coreFile(), REGTEST_MAGIC);
    const book = new AddressBook({ random: new SeededRandom(1) }, PUBLIC, data);
    expect(book.newCount).toBe(9);
    expect(book.triedCount).toBe(10);
    const expected = CORE_PLACES.map(([table, place, host, port]) => `${table} ${place} ${addressKey(address(host, port))}`).sort(); // biome-ignore format: one value
    expect(places(book)).toEqual(expected);
    const again = encodePeersFile(book.data(), REGTEST_MAGIC);
    expect(again.length).toBe(coreFile().length);
    const reread = decodePeersFile(again, REGTEST_MAGIC);
    expect(places(new AddressBook({ random: new SeededRandom(2) }, PUBLIC, reread))).toEqual(expected);
    for (const { entry } of book.entries('tried')) expect(entry.lastSuccess).toBeGreaterThan(0);
  });

  test('every flipped byte is noticed', () => {
    const random = new SeededRandom(7);
    const file = coreFile();
    for (let i = 0; i < 300; i += 1) {
      const broken = file.slice();
      broken[randomBelow(random, file.length)]! ^= 1 + randomBelow(random, 255);
      expect(() => decodePeersFile(broken, REGTEST_MAGIC)).toThrow(DecodeError);
    }
  });

  test('every truncation is noticed, and the error says what is wrong', () => {
    const file = coreFile();
    for (let length = 0; length < file.length; length += 101)
      expect(() => decodePeersFile(file.subarray(0, length), REGTEST_MAGIC)).toThrow(DecodeError);
    expect(() => decodePeersFile(file, hexToBytes('f9beb4d9'))).toThrow('Invalid network magic number');
    const flipped = file.slice();
    flipped[file.length - 1]! ^= 1;
    expect(() => decodePeersFile(flipped, REGTEST_MAGIC)).toThrow('Checksum mismatch, data corrupted');
    const newer = file.slice();
    newer[5] = 32 + 5;
    expect(() => decodePeersFile(newer, REGTEST_MAGIC)).toThrow(PeersFileVersionError);
  });

  test.each<[string, (file: Uint8Array) => void, string]>([
    [
      'no reader that low',
      file => file.fill(0, 5, 6),
      'The compat value (0) is lower than the expected minimum value 32.',
    ],
    ['too many new', file => file.set([1, 0, 1, 0], 38), 'nNew=65537, should be in [0, 65536]'],
    ['fewer than no tried', file => file.fill(255, 42, 46), 'nTried=-1, should be in [0, 16384]'],
    ['no key', file => file.fill(0, 6, 38), 'Consistency check failed with code -16'],
  ])('%s: as Core says it', (_, spoil, reason) => {
    const file = coreFile().slice();
    spoil(file);
    expect(() => decodePeersFile(file, REGTEST_MAGIC)).toThrow(`${reason}: iostream error`);
    expect(() => decodePeersFile(file.subarray(0, 30), REGTEST_MAGIC)).toThrow(/: iostream error$/);
  });

  test('a book with names as sources and several slots an address survives', () => {
    const book = newBook(3);
    for (let i = 0; i < 500; i += 1)
      for (const source of [hostOfName('seed.example'), address(`${1 + (i % 9)}.${i % 50}.0.1`)])
        book.add(
          [timed(`8.${i % 200}.${i >> 8}.${i % 250}`, NOW_S - (i % 7) * 1000 + source.bytes[0]!)],
          source,
          START,
        );
    const file = encodePeersFile(book.data(), REGTEST_MAGIC);
    const again = new AddressBook(
      { random: new SeededRandom(4) },
      PUBLIC,
      decodePeersFile(file, REGTEST_MAGIC),
    );
    expect(places(again)).toEqual(places(book));
    expect(again.data().fresh.some(entry => entry.source.network === 'internal')).toBe(true);
    expect(equalBytes(again.data().key, book.data().key)).toBe(true);
  });
});

describe('adding and choosing', () => {
  test('takes routable addresses only; loopback on a private network', () => {
    const book = newBook();
    expect(
      book.add(
        [timed('10.0.0.1', NOW_S), timed('127.1.0.1', NOW_S), timed('::1', NOW_S)],
        hostOfName('x'),
        START,
      ),
    ).toBe(0);
    const home = newBook(1, PRIVATE);
    expect(home.add([timed('127.1.0.1', NOW_S), timed('127.2.0.1', NOW_S)], hostOfName('x'), START)).toBe(2);
    expect(home.select(START)).toBeDefined();
  });

  test('the penalty makes older, but not what a host says of itself', () => {
    const book = newBook();
    book.add([timed('1.1.1.1', NOW_S)], address('2.2.2.2'), START, 7200);
    book.add([timed('3.3.3.3', NOW_S)], address('3.3.3.3'), START, 7200);
    expect(book.find(address('1.1.1.1'))!.time).toBe(NOW_S - 7200);
    expect(book.find(address('3.3.3.3'))!.time).toBe(NOW_S);
  });

  test('ports of one host are different addresses', () => {
    const book = newBook();
    book.add([timed('1.1.1.1:1', NOW_S), timed('1.1.1.1:2', NOW_S)], hostOfName('x'), START);
    expect(book.size).toBe(2);
  });

  test('select prefers nobody by table, and respects wishes', () => {
    const book = newBook(5);
    const later = START + 20 * MINUTE_MS;
    for (let i = 1; i <= 60; i += 1) book.add([timed(`9.${i}.1.1`, NOW_S)], hostOfName(`s${i}`), START);
    for (let i = 1; i <= 5; i += 1) book.good(address(`9.${i}.1.1`), START);
    book.add([timed('2a00::1', NOW_S)], hostOfName('v6'), START);
    let tried = 0;
    for (let i = 0; i < 1_000; i += 1)
      if (book.find(book.select(later)!.address)!.lastSuccess > 0) tried += 1;
    expect(tried).toBeGreaterThan(400);
    expect(tried).toBeLessThan(600);
    for (let i = 0; i < 50; i += 1) {
      expect(book.find(book.select(later, { newOnly: true })!.address)!.lastSuccess).toBe(0);
      expect(hostText(book.select(later, { networks: new Set(['ipv6'] as const) })!.address)).toBe('2a00::1');
    }
    expect(book.select(later, { networks: new Set(['onion'] as const) })).toBeUndefined();
  });

  test('at most 23 percent and 1000 are handed out, none of them terrible', () => {
    const book = newBook(6);
    for (let i = 0; i < 1_000; i += 1)
      book.add(
        [timed(`11.${i % 250}.${(i >> 4) & 255}.${i % 13}`, NOW_S - (i % 3 === 0 ? 40 * 86_400 : 0))],
        hostOfName(`s${i}`),
        START,
      );
    const handed = book.addresses(START, { max: 1000, percent: 23 });
    expect(handed.length).toBe(Math.floor(book.size * 0.23));
    expect(new Set(handed.map(addressKey)).size).toBe(handed.length);
    const now = NOW_S;
    for (const each of handed) expect(isTerrible(book.find(each)!, now)).toBe(false);
    expect(book.addresses(START, { max: 10, percent: 0 }).length).toBe(10);
  });

  test.each([
    [{ time: NOW_S - 31 * 86_400 }, true],
    [{ time: NOW_S + 601 }, true],
    [{ time: NOW_S + 599 }, false],
    [{ attempts: 2 }, false],
    [{ attempts: 3 }, true],
    [{ attempts: 3, lastSuccess: NOW_S - 86_400 }, false],
    [{ attempts: 10, lastSuccess: NOW_S - 8 * 86_400 }, true],
    [{ attempts: 9, lastSuccess: NOW_S - 8 * 86_400 }, false],
    [{ attempts: 10, lastTry: NOW_S - 30 }, false],
  ])('terrible: %j is %s', (more, terrible) => {
    expect(isTerrible({ ...entryNow(), ...more }, NOW_S)).toBe(terrible);
  });

  test('the chance sinks with tries and failures', () => {
    expect(chanceOf(0, 0, NOW_S)).toBe(1);
    expect(chanceOf(NOW_S - 100, 0, NOW_S)).toBe(0.01);
    expect(chanceOf(0, 20, NOW_S)).toBeCloseTo(0.66 ** 8);
  });

  test('failures count once until somebody answers', () => {
    const book = newBook();
    book.add([timed('1.1.1.1', NOW_S), timed('2.2.2.2', NOW_S)], hostOfName('x'), START);
    for (let i = 0; i < 3; i += 1) book.attempt(address('1.1.1.1'), START + i, { countFailure: true });
    expect(book.find(address('1.1.1.1'))!.attempts).toBe(1);
    book.good(address('2.2.2.2'), START + 10_000);
    for (let i = 0; i < 3; i += 1)
      book.attempt(address('1.1.1.1'), START + 20_000 + i, { countFailure: true });
    expect(book.find(address('1.1.1.1'))!.attempts).toBe(2);
  });

  test('connected moves the time only after twenty minutes', () => {
    const book = newBook();
    book.add([timed('1.1.1.1', NOW_S)], hostOfName('x'), START);
    book.connected(address('1.1.1.1'), START + 20 * MINUTE_MS);
    expect(book.find(address('1.1.1.1'))!.time).toBe(NOW_S);
    book.connected(address('1.1.1.1'), START + 21 * MINUTE_MS);
    expect(book.find(address('1.1.1.1'))!.time).toBe(NOW_S + 21 * 60);
  });
});

describe('test before evict', () => {
  /** A book with two addresses that want the same slot in tried; the first has it. */
  function collision(): { book: AddressBook; holder: string; newcomer: string } {
    const book = newBook(8);
    const seen = new Map<number, string>();
    for (let i = 0; ; i += 1) {
      const text = `36.1.${i >> 8}.${i & 255}`;
      const slot = triedSlot(book.data().key, address(text), PUBLIC);
      const holder = seen.get(slot);
      if (holder === undefined) {
        seen.set(slot, text);
        continue;
      }
      book.add([timed(holder, NOW_S), timed(text, NOW_S)], hostOfName('x'), START);
      book.good(address(holder), START);
      book.good(address(text), START + 1_000);
      return { book, holder, newcomer: text };
    }
  }
  const isTried = (book: AddressBook, text: string) =>
    [...book.entries('tried')].some(p => addressKey(p.entry.address) === addressKey(address(text)));

  test('the newcomer waits, and the holder is offered for a test', () => {
    const { book, holder, newcomer } = collision();
    expect(isTried(book, newcomer)).toBe(false);
    expect(addressKey(book.selectTriedCollision()!.address)).toBe(addressKey(address(holder)));
  });

  test('a holder that answered within four hours stays', () => {
    const { book, holder } = collision();
    book.resolveCollisions(START + HOUR_MS);
    expect(isTried(book, holder)).toBe(true);
    expect(book.selectTriedCollision()).toBeUndefined();
  });

  test('a holder that was tried and did not answer goes after a minute', () => {
    const { book, holder, newcomer } = collision();
    const later = START + 5 * HOUR_MS;
    book.good(address(newcomer), later);
    book.attempt(address(holder), later, { countFailure: false });
    book.resolveCollisions(later + 30_000);
    expect(isTried(book, holder)).toBe(true);
    book.resolveCollisions(later + 61_000);
    expect(isTried(book, newcomer)).toBe(true);
    expect(isTried(book, holder)).toBe(false);
    expect(book.find(address(holder))).toBeDefined();
  });

  test('a holder that could not be tested goes after forty minutes', () => {
    const { book, newcomer } = collision();
    const later = START + 5 * HOUR_MS;
    book.good(address(newcomer), later);
    book.resolveCollisions(later + 39 * MINUTE_MS);
    expect(isTried(book, newcomer)).toBe(false);
    book.resolveCollisions(later + 41 * MINUTE_MS);
    expect(isTried(book, newcomer)).toBe(true);
  });
});

describe('whatever happens', () => {
  test.each([1, 2, 3])('the tables stay consistent (seed %i)', seed => {
    const random = new SeededRandom(seed);
    const book = newBook(seed + 100);
    let now = START;
    const pick = () =>
      address(
        `${30 + randomBelow(random, 3)}.${randomBelow(random, 6)}.${randomBelow(random, 20)}.${randomBelow(random, 200)}`,
      );
    for (let i = 0; i < 5_000; i += 1) {
      now += randomBelow(random, 200_000);
      const each = pick();
      const kind = randomBelow(random, 10);
      if (kind < 5) {
        const time = Math.floor(now / 1000) - randomBelow(random, 40 * 86_400);
        book.add([{ ...each, time, services: 9n }], randomBelow(random, 2) === 0 ? each : pick(), now, 7200);
      } else if (kind === 5) book.good(each, now);
      else if (kind === 6) book.attempt(each, now, { countFailure: true });
      else if (kind === 7) book.connected(each, now);
      else if (kind === 8) book.resolveCollisions(now);
      else book.select(now);
      if (i % 1_000 === 0) check(book);
    }
    check(book);
    expect(book.size).toBeGreaterThan(300);
    const again = new AddressBook({ random }, PUBLIC, decodePeersFile(encodePeersFile(book.data(), REGTEST_MAGIC), REGTEST_MAGIC)); // biome-ignore format: one value
    expect(places(again)).toEqual(places(book));
  });

  /** Naive: recounts everything from what the book shows. */
  function check(book: AddressBook): void {
    expect(book.findFault()).toBeUndefined();
    const fresh = new Map<string, number>();
    for (const { entry, bucket } of book.entries('new')) {
      const name = addressKey(entry.address);
      fresh.set(name, (fresh.get(name) ?? 0) + 1);
      expect(bucket).toBeLessThan(1024);
    }
    const tried = [...book.entries('tried')].map(({ entry, bucket, position }) => {
      const slot = triedSlot(book.data().key, entry.address, PUBLIC);
      expect(bucket * 64 + position).toBe(slot);
      expect(entry.lastSuccess).toBeGreaterThan(0);
      return addressKey(entry.address);
    });
    expect(fresh.size).toBe(book.newCount);
    expect(tried.length).toBe(book.triedCount);
    expect(new Set([...fresh.keys(), ...tried]).size).toBe(book.size);
    expect(book.newCount + book.triedCount).toBe(book.size);
    for (const count of fresh.values()) expect(count).toBeLessThanOrEqual(8);
  }
});

function entryNow() {
  return { address: address('1.1.1.1'), source: hostOfName('x'), services: 9n, time: NOW_S - DAY_MS / 1000, lastTry: 0, lastCountedTry: 0, lastSuccess: 0, attempts: 0 }; // biome-ignore format: one record
}
