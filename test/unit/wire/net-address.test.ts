/** Addresses as text: tables as Core reads and prints them, and round trips. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import {
  addressFrom16,
  addressKey,
  addressText,
  addressTo16,
  hostKey,
  hostText,
  parseAddress,
  parseShortIpv4,
} from '../../../src/wire/net-address.ts';
import { parseSubnet, subnetContains, subnetText } from '../../../src/wire/subnet.ts';

/** BIP155's own example, and the one of Core's netbase tests. */
const ONION = 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion';
const ONION_KEY = '79bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f';
const I2P = 'ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p';
const I2P_HASH = 'a2894dabaec08c0051a481a6dac88b64f98232ae42d4b6fd2fa81952dfe36a87';

describe('text', () => {
  const table: readonly [text: string, network: string, hex: string, printed?: string][] = [
    ['1.2.3.4', 'ipv4', '01020304'],
    ['0.0.0.0', 'ipv4', '00000000'],
    ['255.255.255.255', 'ipv4', 'ffffffff'],
    ['::', 'ipv6', '00'.repeat(16)],
    ['::1', 'ipv6', `${'00'.repeat(15)}01`],
    ['1::', 'ipv6', `0001${'00'.repeat(14)}`],
    ['2001:db8:0:0:1:0:0:1', 'ipv6', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', 'ipv6', '20010db8000000010001000100010001'],
    ['2001:DB8::ABCD', 'ipv6', '20010db800000000000000000000abcd', '2001:db8::abcd'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', 'ipv6', '20010db8000000000000000000000001', '2001:db8::1'],
    ['1:0:0:2:0:0:0:3', 'ipv6', '00010000000000020000000000000003', '1:0:0:2::3'],
    ['0:1:0:1:0:1:0:1', 'ipv6', '00000001000000010000000100000001'],
    ['1:2:3:4:5:6:7::', 'ipv6', '00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
    ['::ffff:1.2.3.4', 'ipv4', '01020304', '1.2.3.4'],
    ['::ffff:102:304', 'ipv4', '01020304', '1.2.3.4'],
    ['64:ff9b::1.2.3.4', 'ipv6', '0064ff9b000000000000000001020304', '64:ff9b::102:304'],
    ['fc00::1', 'ipv6', `fc${'00'.repeat(14)}01`],
    [ONION, 'onion', ONION_KEY],
    [ONION.toUpperCase().replace('ONION', 'onion'), 'onion', ONION_KEY, ONION],
    [I2P, 'i2p', I2P_HASH],
    [I2P.toUpperCase(), 'i2p', I2P_HASH, I2P],
  ];
  test.each(table)('%s', (text, network, hex, printed = text) => {
    const parsed = parseAddress(text, 8333)!;
    expect({ ...parsed, bytes: bytesToHex(parsed.bytes) }).toEqual({ network, bytes: hex, port: 8333 });
    expect(hostText(parsed)).toBe(printed);
    const isIpv6 = network === 'ipv6';
    expect(addressText(parsed)).toBe(isIpv6 ? `[${printed}]:8333` : `${printed}:8333`);
    expect(parseAddress(addressText(parsed), 1)).toEqual(parsed);
    expect(parseAddress(`[${text}]:77`, 1)?.port).toBe(77);
  });

  test.each([
    '', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.04', '1.2.3.4:', '1.2.3.4:65536', '1.2.3.4:x', '1.2.3.4:-1', ' 1.2.3.4',
    ':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '12345::', 'g::', '1.2.3.4::', '::1.2.3.4:5', '1:2:3:4:5:6:7:8::', '[::1', '::1]', '[::1]x', '[::1]:', 'fe80::1%eth0',
    'localhost', 'example.org:8333', '[]', '[]:1', '.onion', 'a.onion',
    ONION.replace('pg6', 'pg7'), ONION.replace('cryd', 'crye'), `a${ONION}`, ONION.replace('.onion', ''), ONION.replace('.onion', '.ONION'),
    'expyuzz4wqqyqhjn.onion', I2P.replace('uk', 'u'), I2P.replace('kdq.', 'kdr.'), I2P.replace('ukeu', 'uke1'), I2P.replace('.b32', ''),
  ])('%j is no address', text => expect(parseAddress(text, 1)).toBeUndefined()); // biome-ignore format: one list

  test('ports from 0 to 65535', () => {
    expect(parseAddress('1.2.3.4:0', 1)?.port).toBe(0);
    expect(parseAddress('1.2.3.4:65535', 1)?.port).toBe(65535);
    expect(parseAddress('[::1]', 18444)?.port).toBe(18444);
  });

  test('any IPv6 address reads back', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const bytes = new SeededRandom(seed).bytes(16);
      // Many zeros, so that runs of all lengths occur.
      for (let i = 0; i < 8; i += 1) if ((seed >> i) & 1) bytes.fill(0, 2 * i, 2 * i + 2);
      const address = { ...addressFrom16(bytes), port: 1 };
      expect(parseAddress(hostText(address), 1), `seed ${seed}`).toEqual(address);
    }
  });
});

describe('16 bytes', () => {
  const table: readonly [string, string, string][] = [
    [`${'00'.repeat(10)}ffff01020304`, 'ipv4', '01020304'],
    ['20010db8000000000000000000000001', 'ipv6', '20010db8000000000000000000000001'],
    [`fd87d87eeb43${'11'.repeat(10)}`, 'ipv6', '00'.repeat(16)],
    [`fd6b88c08724${'11'.repeat(10)}`, 'ipv6', '00'.repeat(16)],
  ];
  test.each(table)('%s', (hex, network, bytes) => {
    const address = addressFrom16(hexToBytes(hex));
    expect([address.network, bytesToHex(address.bytes)]).toEqual([network, bytes]);
    const back = bytesToHex(addressTo16({ ...address, port: 0 }));
    expect(back).toBe(bytes === '00'.repeat(16) ? bytes : hex);
  });

  test('networks without such a form are zeros', () => {
    const onion = parseAddress(ONION, 1)!;
    expect(bytesToHex(addressTo16(onion))).toBe('00'.repeat(16));
  });

  test('keys tell networks, hosts and ports apart', () => {
    const texts = ['1.2.3.4:1', '1.2.3.4:2', '[102:304::]:1', `${ONION}:1`, `${I2P}:1`];
    const all = texts.map(text => parseAddress(text, 0)!);
    expect(new Set(all.map(addressKey)).size).toBe(5);
    expect(new Set(all.map(hostKey)).size).toBe(4);
  });
});

describe('subnets', () => {
  const table: readonly [string, string | undefined][] = [
    ['1.2.3.4', '1.2.3.4/32'],
    ['1.2.3.4/24', '1.2.3.0/24'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['1.2.3.4/33', undefined],
    ['1.2.3.4/255.255.240.0', '1.2.0.0/20'],
    ['1.2.3.4/255.0.255.0', undefined],
    ['1.2.3.4/', undefined],
    ['1.2.3.4:80', undefined],
    ['::1', '::1/128'],
    ['[::1]', '::1/128'],
    ['[2001:db8::]/32', '2001:db8::/32'],
    ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
    ['2001:db8::/129', undefined],
    ['2001:db8::1/ffff:ffff::', '2001:db8::/32'],
    ['2001:db8::1/255.0.0.0', undefined],
    ['::ffff:1.2.3.4', '1.2.3.4/32'],
    [ONION, ONION],
    [I2P, I2P],
    [`${ONION}/8`, undefined],
    ['localhost', undefined],
    ['', undefined],
  ];
  test.each(table)('%s', (text, printed) => {
    const subnet = parseSubnet(text);
    expect(subnet && subnetText(subnet)).toBe(printed);
  });

  const members: readonly [string, string, boolean][] = [
    ['1.2.3.0/24', '1.2.3.255', true],
    ['1.2.3.0/24', '1.2.4.0', false],
    ['1.2.3.128/25', '1.2.3.127', false],
    ['0.0.0.0/0', '9.9.9.9', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '1.2.3.4', false],
    ['2001:db8::/32', '2001:db8:1::', true],
    [ONION, ONION, true],
    [ONION, I2P, false],
  ];
  test.each(members)('%s holds %s: %s', (subnet, address, holds) => {
    expect(subnetContains(parseSubnet(subnet)!, parseAddress(address, 0)!)).toBe(holds);
  });
});

test.each([
  ['127.1', '127.0.0.1:7'],
  ['127.1:8333', '127.0.0.1:8333'],
  ['10.2.3', '10.2.0.3:7'],
  ['10.65536', '10.1.0.0:7'],
  ['1.2.3.4', '1.2.3.4:7'],
  ['127', undefined],
  ['1.2.3.256', undefined],
  ['1.16777216', undefined],
  ['256.1', undefined],
  ['127.1:65536', undefined],
  ['a.1', undefined],
])('the short form %s', (text, expected) => {
  const address = parseShortIpv4(text, 7);
  expect(address && addressText(address)).toBe(expected);
});
