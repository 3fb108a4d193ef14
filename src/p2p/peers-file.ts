/**
 * `peers.dat` as Bitcoin Core reads and writes it: network magic, the address book in format 4, double SHA-256 of all
 * that (Core: src/addrdb.cpp, AddrManImpl::Serialize in src/addrman.cpp). Older formats are read too.
 */
import { equalBytes, type Hash256, ZERO_HASH } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { DecodeError, EndOfDataError, Reader, Writer } from '../wire/codec.ts';
import {
  addressFrom16,
  BIP155_NETWORKS,
  type NetAddress,
  type TimedAddress,
  timedAddressV1,
  timedAddressV2,
} from '../wire/net-address.ts';
import type { AddressEntry } from './address-entry.ts';
import { NEW_BUCKETS } from './address-hash.ts';
import type { AddressBookData } from './address-tables.ts';
import { hostBytes, INTERNAL_PREFIX, type NetHost } from './netgroup.ts';

/** Format that is written: several ports per host (Core: V4_MULTIPORT). */
const FORMAT = 4;
/** First format with BIP155 addresses, and first with the AS map's version. */
const FORMAT_BIP155 = 3;
const FORMAT_ASMAP = 2;
const FORMAT_DETERMINISTIC = 1;
/** Added to the lowest format that can read the file (Core: INCOMPATIBILITY_BASE). */
const COMPATIBILITY_BASE = 32;
/** Flips the bucket count, so that the first format's readers give up. */
const BUCKETS_MARK = 1 << 30;
const NEW_ENTRIES_MAX = 1024 * 64;
const TRIED_ENTRIES_MAX = 256 * 64;
/** What stands before each address on disk: a number of old, ignored, and a flag for BIP155 (Core: CAddress::DISK_VERSION_…). */
const DISK_VERSION = 220_000;
const DISK_VERSION_IGNORED = 0x7_ffff;
const DISK_VERSION_ADDRV2 = 1 << 29;
/** Bytes of a source in BIP155 form. */
const SOURCE_BYTES_MAX = 512;

/** What Core's C++ library adds to such errors. */
const SUFFIX = ': iostream error';

const NO_AS_MAP: Hash256 = ZERO_HASH;
const UNKNOWN: NetHost = { network: 'ipv6', bytes: new Uint8Array(16) };

/** The file was written by something newer: it is to be kept aside, not overwritten. */
export class PeersFileVersionError extends DecodeError {}

/** `asMap`: the version of the map by which buckets were chosen; absent: none was used. */
export function encodePeersFile(
  data: Required<AddressBookData>,
  magic: Uint8Array,
  asMap = NO_AS_MAP,
): Uint8Array {
  const w = new Writer(1 << 16);
  w.put(magic);
  w.u8(FORMAT);
  w.u8(COMPATIBILITY_BASE + FORMAT);
  w.put(data.key);
  w.i32(data.fresh.length);
  w.i32(data.tried.length);
  w.i32(NEW_BUCKETS ^ BUCKETS_MARK);
  for (const entry of data.fresh) writeEntry(w, entry);
  for (const entry of data.tried) writeEntry(w, entry);
  for (const bucket of data.newBuckets) {
    w.i32(bucket.length);
    for (const index of bucket) w.i32(index);
  }
  w.hash(asMap);
  w.hash(sha256d(w.finish()));
  return w.finish();
}

/** Throws DecodeError, with Core's words: another network's magic, a wrong checksum, a broken or too new format. */
export function decodePeersFile(file: Uint8Array, magic: Uint8Array, asMap = NO_AS_MAP): AddressBookData {
  try {
    return decode(file, magic, asMap);
  } catch (error) {
    if (!(error instanceof EndOfDataError)) throw error;
    throw new DecodeError(`AutoFile::read: end of file${SUFFIX}`);
  }
}

function decode(file: Uint8Array, magic: Uint8Array, asMap: Hash256): AddressBookData {
  const r = new Reader(file);
  if (!equalBytes(r.take(magic.length), magic)) throw new DecodeError('Invalid network magic number');
  const data = readBook(r, asMap);
  checkConsistency(data);
  const checked = file.subarray(0, r.position);
  if (r.hash() !== sha256d(checked)) throw new DecodeError('Checksum mismatch, data corrupted');
  return data;
}

function readBook(r: Reader, asMap: Hash256): AddressBookData {
  const format = r.u8();
  const compatibility = r.u8();
  if (compatibility < COMPATIBILITY_BASE) {
    throw new DecodeError(
      `Corrupted addrman database: The compat value (${compatibility}) is lower than the expected minimum value ${COMPATIBILITY_BASE}.${SUFFIX}`,
    );
  }
  const lowest = compatibility - COMPATIBILITY_BASE;
  if (lowest > FORMAT) {
    throw new PeersFileVersionError(
      `Format ${format} needs a reader of format ${lowest}, this one reads ${FORMAT}`,
    );
  }
  const key = r.take(32).slice();
  const freshCount = r.i32();
  const triedCount = r.i32();
  checkCount('nNew', freshCount, NEW_ENTRIES_MAX);
  checkCount('nTried', triedCount, TRIED_ENTRIES_MAX);
  const bucketCount = format >= FORMAT_DETERMINISTIC ? r.i32() ^ BUCKETS_MARK : r.i32();
  const fresh = Array.from({ length: freshCount }, () => readEntry(r, format));
  const tried = Array.from({ length: triedCount }, () => readEntry(r, format));
  const newBuckets = readBuckets(r, bucketCount);
  // Buckets that another AS map made mean nothing to us: each address goes where its source puts it.
  const writersMap = format >= FORMAT_ASMAP ? r.hash() : NO_AS_MAP;
  const isUsable = format >= FORMAT_ASMAP && bucketCount === NEW_BUCKETS && writersMap === asMap;
  return { key, fresh, tried, ...(isUsable && { newBuckets }) };
}

function readBuckets(r: Reader, bucketCount: number): number[][] {
  const buckets: number[][] = [];
  for (let bucket = 0; bucket < bucketCount; bucket += 1) {
    const indexes: number[] = [];
    for (let left = r.i32(); left > 0; left -= 1) indexes.push(r.i32());
    buckets.push(indexes);
  }
  return buckets;
}

function checkCount(name: string, count: number, max: number): void {
  if (count >= 0 && count <= max) return;
  throw new DecodeError(`Corrupt AddrMan serialization: ${name}=${count}, should be in [0, ${max}]${SUFFIX}`);
}

/** What no book would write (Core: CheckAddrman, with its codes); entries that do not fit are dropped later. */
function checkConsistency({ key, tried }: AddressBookData): void {
  const fault = tried.some(entry => entry.lastSuccess === 0) ? -1 : key.every(byte => byte === 0) ? -16 : 0;
  if (fault !== 0)
    throw new DecodeError(`Corrupt data. Consistency check failed with code ${fault}${SUFFIX}`);
}

function writeEntry(w: Writer, entry: AddressEntry): void {
  w.u32(DISK_VERSION | DISK_VERSION_ADDRV2);
  timedAddressV2.write(w, { ...entry.address, time: entry.time, services: entry.services });
  writeSource(w, entry.source);
  w.i64(BigInt(entry.lastSuccess));
  w.i32(entry.attempts);
}

function readEntry(r: Reader, format: number): AddressEntry {
  const { time, services, ...address } = readTimedAddress(r, format);
  const source = readSource(r, format);
  const lastSuccess = Number(r.i64());
  const attempts = r.i32();
  if (lastSuccess < 0 || attempts < 0) throw new DecodeError('An address with a negative time or count');
  return { address, source, services, time, lastTry: 0, lastCountedTry: 0, lastSuccess, attempts };
}

/** An address of a network that we do not know reads as the unspecified one, which no table takes. */
function readTimedAddress(r: Reader, format: number): TimedAddress {
  const version = r.u32() & ~DISK_VERSION_IGNORED;
  let timed: TimedAddress | undefined;
  if (version === 0) timed = timedAddressV1.read(r);
  else if (version === DISK_VERSION_ADDRV2 && format >= FORMAT_BIP155) timed = timedAddressV2.read(r);
  else throw new DecodeError('Unsupported form of an address on disk');
  const { time, services, ...address } = timed ?? { time: 0, services: 0n, ...UNKNOWN_ADDRESS };
  return { network: address.network, bytes: address.bytes.slice(), port: address.port, time, services };
}
const UNKNOWN_ADDRESS: NetAddress = { network: 'ipv6', bytes: new Uint8Array(16), port: 0 };

function writeSource(w: Writer, source: NetHost): void {
  // A name is written as the IPv6 address that stands for it.
  const bytes = source.network === 'internal' ? hostBytes(source) : source.bytes;
  w.u8(BIP155_NETWORKS[source.network === 'internal' ? 'ipv6' : source.network].id);
  w.compactSize(bytes.length);
  w.put(bytes);
}

function readSource(r: Reader, format: number): NetHost {
  if (format < FORMAT_BIP155) return hostFrom16(r.take(16));
  const id = r.u8();
  const bytes = r.take(r.compactSize(SOURCE_BYTES_MAX));
  const found = Object.entries(BIP155_NETWORKS).find(([, network]) => network.id === id);
  if (!found) return UNKNOWN;
  const [name, { length }] = found as [keyof typeof BIP155_NETWORKS, { length: number }];
  if (bytes.length !== length) throw new DecodeError(`A source of ${bytes.length} bytes, ${length} expected`);
  return name === 'ipv6' ? hostFrom16(bytes) : { network: name, bytes: bytes.slice() };
}

function hostFrom16(bytes: Uint8Array): NetHost {
  if (equalBytes(bytes.subarray(0, INTERNAL_PREFIX.length), INTERNAL_PREFIX))
    return { network: 'internal', bytes: bytes.slice(INTERNAL_PREFIX.length) };
  return addressFrom16(bytes);
}
