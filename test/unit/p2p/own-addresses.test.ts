/** Which address of ours is told to whom. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { OwnAddresses, type OwnAddressKind } from '../../../src/p2p/own-addresses.ts';
import { addressText, asCjdns, type NetAddress, parseAddress } from '../../../src/wire/net-address.ts';
import { Harness } from './harness.ts';

const IPV4 = '5.5.5.5:1';
const IPV6 = '[2a02::1]:2';
const TUNNEL = '[2002:0505:0505::1]:3';
const TEREDO = '[2001:0:0505::1]:4';
const ONION = 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:5';
const I2P = 'zsxwyo6qcn3chqzwxnseusqgsnuw3maqnztkiypyfxtya4snkoka.b32.i2p:0';
const CJDNS = '[fc00::7]:6';
const at = (text: string): NetAddress => asCjdns(parseAddress(text, 9)!);
const PUBLIC = { privateNetwork: false };

function own(
  known: readonly (readonly [string, OwnAddressKind])[],
  options: Partial<ConstructorParameters<typeof OwnAddresses>[2]> = {},
  seed = 1,
): OwnAddresses {
  const addresses = new OwnAddresses(new SeededRandom(seed), PUBLIC, {
    discovers: false,
    listenPort: 8333,
    ...options,
  });
  for (const [text, kind] of known) addresses.add(at(text), kind);
  return addresses;
}

function told(addresses: OwnAddresses, peer: string, shape: object = {}): string | undefined {
  const record = new Harness(1).connect({ address: at(peer), ...shape });
  const address = addresses.forPeer(record);
  return address && addressText(address);
}

describe('the address that a peer is told', () => {
  const ALL = [IPV4, IPV6, TUNNEL, TEREDO, ONION, I2P, CJDNS].map(text => [text, 'named'] as const);

  test.each([
    ['8.8.8.8:1', IPV4],
    ['[2a01::9]:1', IPV6],
    ['[2001:0:1234::9]:1', IPV4],
    [ONION, ONION],
    [I2P, I2P],
    ['[fc01::9]:1', CJDNS],
  ])('is the one that %s reaches best', (peer, expected) => {
    expect(told(own(ALL), peer)).toBe(expected);
  });

  test('is none of Tor or I2P elsewhere, and none of elsewhere there', () => {
    expect(told(own([[ONION, 'named']]), '8.8.8.8:1')).toBeUndefined();
    expect(told(own([[ONION, 'named']]), I2P)).toBeUndefined();
    expect(told(own([[IPV4, 'named']]), ONION)).toBeUndefined();
    expect(told(own([[I2P, 'named']]), '[fc01::9]:1')).toBeUndefined();
  });

  test('is none that was taken back, however sure it was', () => {
    const addresses = own([[ONION, 'named']]);
    addresses.add(at(ONION), 'named');
    addresses.remove(at(ONION.replace(':5', ':6')));
    expect([told(addresses, ONION), addresses.list()]).toEqual([undefined, []]);
    addresses.add(at(ONION), 'named');
    expect(addresses.list()).toEqual([{ address: at(ONION), score: 4 }]);
  });

  test('follows the peer that Tor delivered, wherever it seems to come from', () => {
    const record = new Harness(1).connect({ address: at('127.0.0.1:1'), type: 'inbound' });
    (record as { isOnionInbound: boolean }).isOnionInbound = true;
    const addresses = own([
      [IPV4, 'named'],
      [ONION, 'bound'],
    ]);
    expect(addressText(addresses.forPeer(record)!)).toBe(ONION);
  });

  test('is the surest of those that are reached alike', () => {
    const addresses = own([
      ['6.6.6.6:1', 'interface'],
      [IPV4, 'bound'],
    ]);
    expect(told(addresses, '8.8.8.8:1')).toBe(IPV4);
    // Twice seen, it is as sure, and once more it is surer.
    for (let i = 0; i < 2; i += 1) addresses.noteSeen(at('6.6.6.6:7'));
    expect(told(addresses, '8.8.8.8:1')).toBe('6.6.6.6:1');
    expect(addresses.list().map(({ score }) => score)).toEqual([3, 2]);
  });

  test('may be what the peer sees, where that counts: half of the time, an eighth when many have found us', () => {
    const seenAs = at('77.7.7.7:5');
    const share = (kind: OwnAddressKind, seen: number, type: 'inbound' | 'manual') => {
      let count = 0;
      for (let seed = 1; seed <= 200; seed += 1) {
        const addresses = own([[IPV4, kind]], { discovers: true }, seed);
        for (let i = 0; i < seen; i += 1) addresses.noteSeen(at(IPV4));
        if (told(addresses, '8.8.8.8:1', { seenAs, type })!.startsWith('77.7.7.7')) count += 1;
      }
      return count / 200;
    };
    expect(share('bound', 0, 'inbound')).toBeCloseTo(0.5, 1);
    expect(share('named', 1, 'manual')).toBeCloseTo(0.125, 1);
    const none = own([], { discovers: true });
    expect(told(none, '8.8.8.8:1', { seenAs, type: 'inbound' })).toBe('77.7.7.7:5');
    expect(told(none, '8.8.8.8:1', { seenAs, type: 'manual' })).toBe('77.7.7.7:8333');
    expect(told(own([], { discovers: true, listenPort: undefined }), '8.8.8.8:1', { seenAs, type: 'manual' })).toBeUndefined(); // biome-ignore format: one case
    expect(told(own([]), '8.8.8.8:1', { seenAs })).toBeUndefined();
  });
});

test('addresses that nobody can reach are not ours', () => {
  expect(
    own([
      ['127.0.0.1:1', 'named'],
      ['10.0.0.1:1', 'named'],
    ]).list(),
  ).toEqual([]);
});
