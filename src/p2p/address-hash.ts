/**
 * Where an address stands in the tables of the address book: double SHA-256 with the book's secret key, so that nobody
 * outside can tell (Core: AddrInfo::GetTriedBucket, GetNewBucket and GetBucketPosition in src/addrman.cpp).
 */
import { sha256dWord } from '../crypto/sha256.ts';
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
  const sourceGroup = netgroupOf(source, options);
  const choice = begin(key);
  putGroup(choice, netgroupOf(address, options));
  putGroup(choice, sourceGroup);
  const chosen = hashOf(choice) % NEW_BUCKETS_PER_SOURCE_GROUP;
  const bucket = begin(key);
  putGroup(bucket, sourceGroup);
  putSmallU64(bucket, chosen);
  return hashOf(bucket) % NEW_BUCKETS;
}

export function newSlot(key: Uint8Array, address: NetAddress, bucket: number): Slot {
  return slotOf(bucket, position(key, 'N', address, bucket));
}

/** An address has one slot in `tried`. */
export function triedSlot(key: Uint8Array, address: NetAddress, options: RoutingOptions): Slot {
  const choice = begin(key);
  putAddress(choice, address);
  const chosen = hashOf(choice) % TRIED_BUCKETS_PER_GROUP;
  const group = begin(key);
  putGroup(group, netgroupOf(address, options));
  putSmallU64(group, chosen);
  const bucket = hashOf(group) % TRIED_BUCKETS;
  return slotOf(bucket, position(key, 'K', address, bucket));
}

function position(key: Uint8Array, table: 'N' | 'K', address: NetAddress, bucket: number): number {
  const writer = begin(key);
  writer.u8(table.charCodeAt(0));
  writer.i32(bucket);
  putAddress(writer, address);
  return hashOf(writer) % BUCKET_SIZE;
}

/** For what is hashed: a crawler's book or a world of nodes makes millions of them, and memory for each would cost as much as the hash. */
const shared = new Writer(128);

function begin(key: Uint8Array): Writer {
  shared.reset();
  shared.put(key);
  return shared;
}

/** Host and port, big endian (Core: CService::GetKey). */
function putAddress(writer: Writer, address: NetAddress): void {
  const host = hostBytes(address);
  writer.compactSize(host.length + 2);
  writer.put(host);
  writer.u16BE(address.port);
}

function putGroup(writer: Writer, group: string): void {
  writer.compactSize(group.length);
  for (let i = 0; i < group.length; i += 1) writer.u8(group.charCodeAt(i));
}

function putSmallU64(writer: Writer, value: number): void {
  writer.u32(value);
  writer.u32(0);
}

/** The low 32 bits of Core's cheap hash: all moduli above are powers of two. */
function hashOf(writer: Writer): number {
  return sha256dWord(writer.written()) >>> 0;
}
