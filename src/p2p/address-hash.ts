/**
 * Where an address stands in the tables of the address book: double SHA-256 with the book's secret key, so that nobody
 * outside can tell (Core: AddrInfo::GetTriedBucket, GetNewBucket and GetBucketPosition in src/addrman.cpp).
 */
import { binaryToBytes } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { Writer } from '../wire/codec.ts';
import type { NetAddress } from '../wire/net-address.ts';
import { BUCKET_SIZE, type Slot, slotOf } from './address-table.ts';
import { hostBytes, type NetHost, netgroupOf, type RoutingOptions } from './netgroup.ts';

/** Core: ADDRMAN_NEW_BUCKET_COUNT and ADDRMAN_TRIED_BUCKET_COUNT. */
export const NEW_BUCKETS = 1024;
const TRIED_BUCKETS = 256;
/** Buckets that one source group, and one address group, can reach (Core: …_BUCKETS_PER_SOURCE_GROUP, …_PER_GROUP). */
const NEW_BUCKETS_PER_SOURCE_GROUP = 64;
const TRIED_BUCKETS_PER_GROUP = 8;

/** The bucket of `new` for an address told by `source`. */
export function newBucket(
  key: Uint8Array,
  address: NetHost,
  source: NetHost,
  options: RoutingOptions,
): number {
  const sourceGroup = binaryToBytes(netgroupOf(source, options));
  const choice = hashOf(key, w => {
    putVar(w, binaryToBytes(netgroupOf(address, options)));
    putVar(w, sourceGroup);
  });
  return (
    hashOf(key, w => {
      putVar(w, sourceGroup);
      w.u64(BigInt(choice % NEW_BUCKETS_PER_SOURCE_GROUP));
    }) % NEW_BUCKETS
  );
}

export function newSlot(key: Uint8Array, address: NetAddress, bucket: number): Slot {
  return slotOf(bucket, position(key, 'N', address, bucket));
}

/** An address has one slot in `tried`. */
export function triedSlot(key: Uint8Array, address: NetAddress, options: RoutingOptions): Slot {
  const choice = hashOf(key, w => putVar(w, addressBytes(address)));
  const bucket =
    hashOf(key, w => {
      putVar(w, binaryToBytes(netgroupOf(address, options)));
      w.u64(BigInt(choice % TRIED_BUCKETS_PER_GROUP));
    }) % TRIED_BUCKETS;
  return slotOf(bucket, position(key, 'K', address, bucket));
}

function position(key: Uint8Array, table: 'N' | 'K', address: NetAddress, bucket: number): number {
  return (
    hashOf(key, w => {
      w.u8(table.charCodeAt(0));
      w.i32(bucket);
      putVar(w, addressBytes(address));
    }) % BUCKET_SIZE
  );
}

/** Host and port, big endian (Core: CService::GetKey). */
function addressBytes(address: NetAddress): Uint8Array {
  const host = hostBytes(address);
  const bytes = new Uint8Array(host.length + 2);
  bytes.set(host);
  bytes[host.length] = address.port >>> 8;
  bytes[host.length + 1] = address.port;
  return bytes;
}

/** The low 32 bits of Core's cheap hash: all moduli above are powers of two. */
function hashOf(key: Uint8Array, write: (writer: Writer) => void): number {
  const writer = new Writer(96);
  writer.put(key);
  write(writer);
  const hash = sha256d(writer.finish());
  return (
    (hash.charCodeAt(0) |
      (hash.charCodeAt(1) << 8) |
      (hash.charCodeAt(2) << 16) |
      (hash.charCodeAt(3) << 24)) >>>
    0
  );
}

function putVar(writer: Writer, bytes: Uint8Array): void {
  writer.compactSize(bytes.length);
  writer.put(bytes);
}
