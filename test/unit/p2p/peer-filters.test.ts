/** Bloom filters of peers (BIP37): Core's own vectors, what a transaction is matched by, and who may use them. */
import { describe, expect, test } from 'vitest';
import { bytesToBinary, bytesToHex, hexToBytes } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { blockMerkleRoot } from '../../../src/consensus/merkle.ts';
import { extractMatches, partialMerkleTree } from '../../../src/consensus/partial-merkle-tree.ts';
import type { Permission } from '../../../src/p2p/events.ts';
import { PeerFilter } from '../../../src/p2p/peer-filter.ts';
import { PeerFilters } from '../../../src/p2p/peer-filters.ts';
import { decodeBlock } from '../../../src/wire/block.ts';
import { decodeMessage, encodePayload, type Message, SERVICES } from '../../../src/wire/messages.ts';
import { decodeTransaction } from '../../../src/wire/transaction.ts';
import { describeShared, readShared } from '../../support/shared.ts';
import { Harness } from './harness.ts';

/** Bytes that Core's bloom_tests.cpp puts in, and the bits that it expects. */
const ELEMENTS = [
  '99108ad8ed9bb6274d3980bab5a85c048f0950c8',
  'b5a2c786d9ef4658287ced5914b37a1b4aa32eee',
  'b9300670b4c5366e95b2699e8b18bc75e5f729c5',
];
/** The transaction of those tests, and the one that spends its output. */
const TX = decodeTransaction(
  hexToBytes(
    '01000000010b26e9b7735eb6aabdf358bab62f9816a21ba9ebdb719d5299e88607d722c190000000008b4830450220070aca44506c5cef3a16ed519d7c3c39f8aab192c4e1c90d065f37b8a4af6141022100a8e160b856c2d43d27d8fba71e5aef6405b8643ac4cb7cb3c462aced7f14711a0141046d11fee51b0e60666d5049a9101a72741df480b96ee26488a4d3466b95c9a40ac5eeef87e10a5cd336c19a84565f80fa6c547957b7700ff4dfbdefe76036c339ffffffff021bff3d11000000001976a91404943fdd508053c75000106d3bc6e2754dbcff1988ac2f15de00000000001976a914a266436d2965547608b9e15d9032a7b9d64fa43188ac00000000',
  ),
);

function empty(bytes: number, hashFunctions: number, tweak: number, flags = 0): PeerFilter {
  return new PeerFilter({ data: new Uint8Array(bytes), hashFunctions, tweak, flags });
}
const binary = (hex: string) => bytesToBinary(hexToBytes(hex));

describe('a filter', () => {
  test.each([
    [0, '614e9b'],
    [2_147_483_649, 'ce4299'],
  ])('with tweak %d has the bits of Core', (tweak, hex) => {
    const filter = empty(3, 5, tweak);
    for (const element of ELEMENTS) filter.add(binary(element));
    const expected = new PeerFilter({ data: hexToBytes(hex), hashFunctions: 5, tweak, flags: 0 });
    for (const element of ELEMENTS) expect(filter.has(binary(element))).toBe(true);
    expect(filter.has(binary(`19${ELEMENTS[0]!.slice(2)}`))).toBe(false);
    const random = new SeededRandom(37);
    for (let i = 0; i < 300; i += 1) {
      const key = bytesToBinary(random.bytes(20));
      expect(filter.has(key)).toBe(expected.has(key));
    }
  });

  test.each([
    ['its id', TX.txid],
    ['a hash in an output', binary('04943fdd508053c75000106d3bc6e2754dbcff19')],
    ['the other output', binary('a266436d2965547608b9e15d9032a7b9d64fa431')],
    ['a signature', bytesToBinary(TX.inputs[0]!.scriptSig.slice(1, 73))],
    ['a key', bytesToBinary(TX.inputs[0]!.scriptSig.slice(74))],
    ['what it spends', `${TX.inputs[0]!.prevout.txid}\0\0\0\0`],
  ])('matches a transaction by %s', (_, key) => {
    const filter = empty(12, 20, 0);
    expect(filter.takesNotice(TX)).toBe(false);
    filter.add(key);
    expect(filter.takesNotice(TX)).toBe(true);
  });

  test.each([
    ['nothing', 0, false],
    ['what it matched', 1, true],
    ['bare keys only', 2, false],
  ])('learns %s', (_, flags, learns) => {
    const filter = empty(100, 10, 0, flags);
    filter.add(binary('04943fdd508053c75000106d3bc6e2754dbcff19'));
    expect(filter.takesNotice(TX)).toBe(true);
    expect(filter.has(`${TX.txid}\0\0\0\0`)).toBe(learns);
    expect(filter.has(`${TX.txid}\x01\0\0\0`)).toBe(false);
  });

  test('without bits matches all, and divides by nothing', () => {
    const filter = empty(0, 50, 1);
    filter.add('x');
    expect([filter.has('y'), filter.takesNotice(TX)]).toEqual([true, true]);
  });
});

describe('messages', () => {
  const LOAD: Message = {
    command: 'filterload',
    data: new Uint8Array(10),
    hashFunctions: 5,
    tweak: 0,
    flags: 1,
  };
  const add = (bytes: number): Message => ({ command: 'filteradd', data: new Uint8Array(bytes) });
  const CLEAR: Message = { command: 'filterclear' };

  function send(services: bigint, permissions: readonly Permission[], ...messages: Message[]) {
    const h = new Harness(1, { services });
    const filters = new PeerFilters(h.context);
    h.use(filters);
    const peer = h.connect({ type: 'inbound', relaysTxs: false, permissions });
    for (const message of messages) h.message(peer, message);
    const reason = h.take().flatMap(effect => (effect.kind === 'disconnect' ? [effect.reason] : []))[0];
    return { peer, filters, reason };
  }

  test.each([LOAD, add(1), CLEAR])('that were not offered end the connection: $command', message => {
    const { reason } = send(9n, [], message);
    expect(reason).toBe(`${message.command} received despite not offering bloom services`);
  });

  test('that turn on transactions', () => {
    const loaded = send(SERVICES.bloom, [], LOAD);
    expect([loaded.peer.relaysTxs, loaded.peer.hasBloomFilter]).toEqual([true, true]);
    expect(loaded.filters.isRelevant(loaded.peer, TX)).toBe(false);
    const cleared = send(9n, ['bloomfilter'], LOAD, CLEAR);
    expect([cleared.peer.relaysTxs, cleared.peer.hasBloomFilter]).toEqual([true, false]);
    expect(cleared.filters.isRelevant(cleared.peer, TX)).toBe(true);
  });

  test.each<[string, Message[], string | undefined]>([
    ['the largest', [{ ...LOAD, data: new Uint8Array(36_000), hashFunctions: 50 } as Message], undefined],
    ['one byte more', [{ ...LOAD, data: new Uint8Array(36_001) } as Message], 'too-large bloom filter'],
    ['one function more', [{ ...LOAD, hashFunctions: 51 } as Message], 'too-large bloom filter'],
    ['the largest element', [LOAD, add(520)], undefined],
    ['one byte more in an element', [LOAD, add(521)], 'bad filteradd message'],
    ['an element without a filter', [add(1)], 'bad filteradd message'],
    ['an element after the filter', [LOAD, CLEAR, add(1)], 'bad filteradd message'],
  ])('have limits: %s', (_, messages, expected) => {
    const { reason } = send(SERVICES.bloom, [], ...messages);
    expect(reason).toBe(expected && `misbehaving: ${expected}`);
  }); // biome-ignore format: a table
});

describeShared('partial merkle trees', () => {
  const block = decodeBlock(hexToBytes(readShared('vectors/p2p/block_13b8a.hex').toString('latin1').trim()));
  const txids = block.transactions.map(tx => tx.txid);

  test('prove what was put in, and their block, whatever was', () => {
    expect(txids.length).toBe(9);
    const { root } = blockMerkleRoot(block);
    for (let count = 1; count <= txids.length; count += 1) {
      for (let mask = 0; mask < 1 << count; mask += count < 7 ? 1 : 37) {
        const matches = txids.slice(0, count).map((_, i) => (mask & (1 << i)) !== 0);
        const proven = extractMatches(partialMerkleTree(txids.slice(0, count), matches));
        const expected = txids
          .slice(0, count)
          .flatMap((txid, index) => (matches[index] ? [{ txid, index }] : []));
        expect(proven?.matches).toEqual(expected);
        if (count === txids.length) expect(proven?.root).toBe(root);
      }
    }
  });

  test.each([
    ['merkle_block.hex', 1],
    ['merkle300025.raw', 2],
  ])('of a recorded block read back and prove: %s', (name, count) => {
    const file = readShared(`vectors/p2p/${name}`);
    const payload = name.endsWith('.hex') ? hexToBytes(file.toString('latin1').trim()) : file;
    const message = decodeMessage('merkleblock', payload);
    expect(bytesToHex(encodePayload(message))).toBe(bytesToHex(payload));
    if (message.command !== 'merkleblock') return;
    const proven = extractMatches(message.tree);
    expect(proven?.root).toBe(message.header.merkleRoot);
    expect(proven?.matches.length).toBe(count);
  });

  test('that were tampered with prove nothing', () => {
    const tree = partialMerkleTree(
      txids,
      txids.map((_, i) => i === 3 || i === 8),
    );
    const broken = [
      { ...tree, transactionCount: 0 },
      { ...tree, transactionCount: 20_000 },
      { ...tree, hashes: tree.hashes.slice(1) },
      { ...tree, hashes: [...tree.hashes, txids[0]!] },
      { ...tree, hashes: tree.hashes.map(() => txids[0]!) },
      { ...tree, flags: tree.flags.slice(1) },
      { ...tree, flags: Uint8Array.of(...tree.flags, 0) },
    ];
    for (const each of broken) expect(extractMatches(each)).toBeUndefined();
  });
});
