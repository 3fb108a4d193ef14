import { describe, expect, test } from 'vitest';
import { binaryToBytes, bytesToHex } from '../../../src/base/bytes.ts';
import {
  hostOfName,
  isLocalHost,
  isRoutable,
  isValidHost,
  netgroupOf,
  networkClassOf,
} from '../../../src/p2p/netgroup.ts';
import { address, PRIVATE, PUBLIC } from './support.ts';

function groupHex(text: string, options = PUBLIC as { privateNetwork: boolean }): string {
  return bytesToHex(binaryToBytes(netgroupOf(address(text), options)));
}

// Expected groups are those of Core's netbase_tests.cpp (netbase_getgroup) and netgroup.cpp.
describe('netgroups', () => {
  test.each([
    ['127.0.0.1', '00'],
    ['257.0.0.1'.replace('257', '10'), '00'],
    ['169.254.1.1', '00'],
    ['1.2.3.4', '010102'],
    ['::ffff:0:102:304', '010102'],
    ['64:ff9b::102:304', '010102'],
    ['2002:102:304:9999:9999:9999:9999:9999', '010102'],
    ['2001:0:9999:9999:9999:9999:fefd:fcfb', '010102'],
    ['2001:470:abcd:9999:9999:9999:9999:9999', '0220010470af'],
    ['2001:2001:9999:9999:9999:9999:9999:9999', '0220012001'],
    ['pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion', '037f'],
    ['ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p', '04af'],
  ])('%s is in %s', (text, group) => expect(groupHex(text)).toBe(group));

  test('cjdns: four bits after the constant byte', () => {
    const host = { network: 'cjdns', bytes: Uint8Array.of(0xfc, 0x12, ...new Uint8Array(14)) } as const;
    expect(netgroupOf(host, PUBLIC)).toBe('\x05\xfc\x1f');
  });

  test('a name is a group of its own', () => {
    expect(netgroupOf(hostOfName('a'), PUBLIC)).not.toBe(netgroupOf(hostOfName('b'), PUBLIC));
    expect(netgroupOf(hostOfName('a'), PUBLIC)).toHaveLength(11);
  });

  test('a private network tells loopback hosts apart by their second byte', () => {
    expect(groupHex('127.1.0.1')).toBe(groupHex('127.2.0.1'));
    expect(groupHex('127.1.0.1', PRIVATE)).toBe('017f01');
    expect(groupHex('127.2.0.1', PRIVATE)).toBe('017f02');
    expect(groupHex('127.2.9.9', PRIVATE)).toBe('017f02');
  });
});

describe('routability', () => {
  test.each([
    '0.1.2.3', '127.0.0.1', '10.1.1.1', '192.168.0.1', '172.31.255.255', '169.254.3.3', '100.64.0.1', '198.18.0.1',
    '198.51.100.7', '203.0.113.7', '192.0.2.7', '255.255.255.255', '::', '::1', 'fe80::1', 'fc00::1', 'fd12::1',
    '2001:db8::1', '2001:10::1', '2001:20::1',
  ])('%s is not routable', text => expect(isRoutable(address(text), PUBLIC)).toBe(false)); // biome-ignore format: a list

  test.each(['1.1.1.1', '172.32.0.1', '172.15.0.1', '100.128.0.1', '198.20.0.1', '2a00::1', '2001:470::1', '2002:a00:1::1'])(
    '%s is routable',
    text => expect(isRoutable(address(text), PUBLIC)).toBe(true),
  ); // biome-ignore format: a list

  test('only loopback gains by a private network', () => {
    expect(isRoutable(address('127.1.0.1'), PRIVATE)).toBe(true);
    for (const text of ['0.1.2.3', '10.1.1.1', '::1', '192.168.0.1'])
      expect(isRoutable(address(text), PRIVATE)).toBe(false);
  });

  test('validity and loopback', () => {
    expect(isValidHost(address('127.0.0.1'))).toBe(true);
    expect(isValidHost(hostOfName('x'))).toBe(false);
    expect(isLocalHost(address('::1'))).toBe(true);
    expect(isLocalHost(address('::2'))).toBe(false);
    expect(networkClassOf(address('2002:102:304::1'), PUBLIC)).toBe('ipv4');
  });
});
