/** Random values for every message of the protocol, from a seed. */
import { bytesToHash, type Hash256 } from '../../src/base/bytes.ts';
import { type Random, randomBelow, randomU64 } from '../../src/base/random.ts';
import { type Block, createBlock, createHeader } from '../../src/wire/block.ts';
import type { Command, Message } from '../../src/wire/messages.ts';
import { type AddressNetwork, BIP155_NETWORKS, type TimedAddress } from '../../src/wire/net-address.ts';
import { createTransaction, type Transaction } from '../../src/wire/transaction.ts';

type Make = { readonly [C in Command]: (random: Random) => Extract<Message, { readonly command: C }> };

function many<T>(random: Random, max: number, make: () => T): T[] {
  return Array.from({ length: randomBelow(random, max + 1) }, make);
}

function randomHash<T extends Hash256>(random: Random): T {
  return bytesToHash<T>(random.bytes(32));
}

function flip(random: Random): boolean {
  return randomBelow(random, 2) === 1;
}

export function randomTransaction(random: Random): Transaction {
  const withWitness = flip(random);
  return createTransaction({
    version: random.u32(),
    inputs: [
      ...Array.from({ length: 1 + randomBelow(random, 3) }, (_, i) => ({
        prevout: { txid: randomHash<never>(random), index: random.u32() },
        scriptSig: random.bytes(randomBelow(random, 40)),
        sequence: random.u32(),
        witness:
          withWitness && (i === 0 || flip(random))
            ? [random.bytes(randomBelow(random, 300)), ...many(random, 2, () => random.bytes(2))]
            : [],
      })),
    ],
    outputs: many(random, 3, () => ({
      value: random.u32() * 1000,
      scriptPubKey: random.bytes(randomBelow(random, 40)),
    })),
    lockTime: random.u32(),
  });
}

export function randomHeader(random: Random): Block['header'] {
  return createHeader({
    version: random.u32() | 0,
    prevHash: randomHash(random),
    merkleRoot: randomHash(random),
    time: random.u32(),
    bits: random.u32(),
    nonce: random.u32(),
  });
}

function randomAddress(random: Random, networks: readonly AddressNetwork[]): TimedAddress {
  const network = networks[randomBelow(random, networks.length)]!;
  const bytes = random.bytes(BIP155_NETWORKS[network].length);
  // Not one of the prefixes under which IPv6 carries other networks.
  if (network === 'ipv6') bytes[0] = 0x20;
  return { time: random.u32(), services: randomU64(random), network, bytes, port: random.u32() & 0xffff };
}

const V1: readonly AddressNetwork[] = ['ipv4', 'ipv6'];
const V2: readonly AddressNetwork[] = ['ipv4', 'ipv6', 'onion', 'i2p', 'cjdns'];

function withoutTime({ services, network, bytes, port }: TimedAddress) {
  return { services, network, bytes, port };
}

/** Positions in a block. */
function ascending(random: Random, max: number): number[] {
  let index = -1;
  return many(random, max, () => {
    index += 1 + randomBelow(random, 400);
    return index;
  });
}

const inventory = (random: Random) => ({
  items: many(random, 5, () => ({ type: random.u32(), hash: randomHash(random) })),
});
const locator = (random: Random) => ({
  version: random.u32(),
  locator: many(random, 5, () => randomHash<never>(random)),
  stopHash: randomHash<never>(random),
});

const filterRange = (random: Random) => ({
  filterType: random.u32() & 0xff,
  startHeight: random.u32(),
  stopHash: randomHash<never>(random),
});

export const RANDOM_MESSAGES: Make = {
  version: random => ({
    command: 'version',
    version: random.u32() | 0,
    services: randomU64(random),
    time: BigInt(random.u32()),
    to: withoutTime(randomAddress(random, V1)),
    from: withoutTime(randomAddress(random, V1)),
    nonce: randomU64(random),
    userAgent: Buffer.from(random.bytes(randomBelow(random, 257))).toString('latin1'),
    startHeight: random.u32() | 0,
    relay: flip(random),
  }),
  verack: () => ({ command: 'verack' }),
  addr: random => ({ command: 'addr', addresses: many(random, 4, () => randomAddress(random, V1)) }),
  addrv2: random => ({ command: 'addrv2', addresses: many(random, 6, () => randomAddress(random, V2)) }),
  sendaddrv2: () => ({ command: 'sendaddrv2' }),
  getaddr: () => ({ command: 'getaddr' }),
  inv: random => ({ command: 'inv', ...inventory(random) }),
  getdata: random => ({ command: 'getdata', ...inventory(random) }),
  notfound: random => ({ command: 'notfound', ...inventory(random) }),
  getheaders: random => ({ command: 'getheaders', ...locator(random) }),
  getblocks: random => ({ command: 'getblocks', ...locator(random) }),
  headers: random => ({ command: 'headers', headers: many(random, 3, () => randomHeader(random)) }),
  block: random => ({
    command: 'block',
    block: createBlock(
      randomHeader(random),
      many(random, 3, () => randomTransaction(random)),
    ),
  }),
  tx: random => ({ command: 'tx', tx: randomTransaction(random) }),
  ping: random => ({ command: 'ping', nonce: randomU64(random) }),
  pong: random => ({ command: 'pong', nonce: randomU64(random) }),
  sendheaders: () => ({ command: 'sendheaders' }),
  feefilter: random => ({ command: 'feefilter', feeRate: BigInt(random.u32()) }),
  wtxidrelay: () => ({ command: 'wtxidrelay' }),
  mempool: () => ({ command: 'mempool' }),
  sendcmpct: random => ({
    command: 'sendcmpct',
    announce: randomBelow(random, 3),
    version: randomU64(random),
  }),
  filterload: random => ({
    command: 'filterload',
    data: random.bytes(randomBelow(random, 50)),
    hashFunctions: random.u32(),
    tweak: random.u32(),
    flags: random.u32() & 0xff,
  }),
  filteradd: random => ({ command: 'filteradd', data: random.bytes(randomBelow(random, 50)) }),
  filterclear: () => ({ command: 'filterclear' }),
  merkleblock: random => ({
    command: 'merkleblock',
    header: randomHeader(random),
    tree: {
      transactionCount: random.u32(),
      hashes: many(random, 5, () => randomHash(random)),
      flags: random.bytes(randomBelow(random, 4)),
    },
  }),
  getcfilters: random => ({ command: 'getcfilters', ...filterRange(random) }),
  getcfheaders: random => ({ command: 'getcfheaders', ...filterRange(random) }),
  getcfcheckpt: random => ({
    command: 'getcfcheckpt',
    filterType: random.u32() & 0xff,
    stopHash: randomHash<never>(random),
  }),
  cfilter: random => ({
    command: 'cfilter',
    filterType: random.u32() & 0xff,
    blockHash: randomHash<never>(random),
    filter: random.bytes(randomBelow(random, 100)),
  }),
  cfheaders: random => ({
    command: 'cfheaders',
    filterType: random.u32() & 0xff,
    stopHash: randomHash<never>(random),
    previousHeader: randomHash(random),
    hashes: many(random, 5, () => randomHash(random)),
  }),
  cfcheckpt: random => ({
    command: 'cfcheckpt',
    filterType: random.u32() & 0xff,
    stopHash: randomHash<never>(random),
    headers: many(random, 5, () => randomHash(random)),
  }),
  feature: random => ({
    command: 'feature',
    id: Buffer.from(random.bytes(4 + randomBelow(random, 77))).toString('latin1'),
    data: random.bytes(randomBelow(random, 513)),
  }),
  sendtxrcncl: random => ({ command: 'sendtxrcncl', version: random.u32(), salt: randomU64(random) }),
  reqrecon: random => ({
    command: 'reqrecon',
    setSize: randomBelow(random, 0x1_0000),
    q: randomBelow(random, 0x1_0000),
  }),
  sketch: random => ({ command: 'sketch', words: many(random, 5, () => random.u32()) }),
  reconcildiff: random => ({
    command: 'reconcildiff',
    success: randomBelow(random, 2),
    shortIds: many(random, 5, () => random.u32()),
  }),
  cmpctblock: random => {
    const shortIds = many(random, 5, () => random.u32() + randomBelow(random, 0x1_0000) * 0x1_0000_0000);
    const prefilled = ascending(random, 3).map(index => ({ index, tx: randomTransaction(random) }));
    return {
      command: 'cmpctblock',
      header: randomHeader(random),
      nonce: randomU64(random),
      shortIds,
      prefilled,
    };
  },
  getblocktxn: random => ({
    command: 'getblocktxn',
    blockHash: randomHash<never>(random),
    indexes: ascending(random, 6),
  }),
  blocktxn: random => ({
    command: 'blocktxn',
    blockHash: randomHash<never>(random),
    transactions: many(random, 3, () => randomTransaction(random)),
  }),
};
