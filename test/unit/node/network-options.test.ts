/** What the user says about networks, proxies and places to listen, and how it is refused: texts are Core's. */
import { describe, expect, test } from 'vitest';
import { proxyText } from '../../../src/net/proxies.ts';
import { listenAddresses, onionServiceTarget } from '../../../src/node/bind-options.ts';
import { parseByteUnits } from '../../../src/node/byte-units.ts';
import { hostPortText } from '../../../src/node/host-port.ts';
import { networkOptions } from '../../../src/node/network-options.ts';
import { reachability } from '../../../src/node/reachability.ts';
import { parseDashArguments, Settings } from '../../../src/node/settings.ts';
import { REGTEST } from '../../support/test-chain.ts';

const PRIVATE = '--private-network';

function settings(args: string): Settings {
  // Which bin/bitcoind does not have.
  const ours = args.includes(PRIVATE) ? [['private-network', ['1']] as const] : [];
  const dashed = args.split(' ').filter(arg => arg !== '' && arg !== PRIVATE);
  const commandLine = new Map([...parseDashArguments(dashed), ...ours]);
  return new Settings({ commandLine, persistent: new Map(), conf: new Map() }, 'regtest');
}
const configOf = (args: string, persona: 'bitcoind' | 'hearsay' = 'bitcoind') =>
  ({ settings: settings(args), params: REGTEST, persona }) as never;

describe('reachable networks and their proxies', () => {
  /** `networks | network=proxy …`, with a star where credentials are random. */
  function seen(args: string): string {
    const { networks, proxies } = reachability(configOf(args));
    const list = Object.entries(proxies).map(
      ([name, proxy]) => `${name}=${proxyText(proxy)}${proxy.randomizesCredentials ? '*' : ''}`,
    );
    return `${[...networks].join(' ')} | ${list.sort().join(' ')}`;
  }

  test.each([
    ['', 'ipv4 ipv6 | '],
    ['-proxy=1.1.1.1:1', 'ipv4 ipv6 onion | cjdns=1.1.1.1:1* ipv4=1.1.1.1:1* ipv6=1.1.1.1:1* name=1.1.1.1:1* onion=1.1.1.1:1*'],
    ['-proxy=1.1.1.1 -proxyrandomize=0 -noonion', 'ipv4 ipv6 | cjdns=1.1.1.1:9050 ipv4=1.1.1.1:9050 ipv6=1.1.1.1:9050 name=1.1.1.1:9050'],
    ['-onion=[::1]:5', 'ipv4 ipv6 onion | onion=[::1]:5*'],
    ['-onion=unix:/run/tor', 'ipv4 ipv6 onion | onion=unix:/run/tor*'],
    ['-proxy=1.1.1.1:1=ipv6', 'ipv4 ipv6 | ipv6=1.1.1.1:1* name=1.1.1.1:1*'],
    ['-proxy=1.1.1.1:1 -proxy=2.2.2.2:2=onion -proxy=0=ipv4', 'ipv4 ipv6 onion | cjdns=1.1.1.1:1* ipv6=1.1.1.1:1* onion=2.2.2.2:2*'],
    ['-proxy=1.1.1.1:1 -noproxy', 'ipv4 ipv6 | '],
    ['-cjdnsreachable', 'ipv4 ipv6 cjdns | '],
    ['-i2psam=127.0.0.1', 'ipv4 ipv6 i2p | i2p=127.0.0.1:7656'],
    ['-onlynet=onion -onion=1.1.1.1:1', 'onion | onion=1.1.1.1:1*'],
    ['-onlynet=IPv4 -onlynet=cjdns -cjdnsreachable', 'ipv4 cjdns | '],
    ['-onlynet=onion -listenonion=1', ' | '],
  ])('%s', (args, expected) => {
    expect(seen(args).replace(/undefined/g, '')).toBe(expected);
  }); // biome-ignore format: a table

  test.each([
    ['-proxy=abc..abc:23456', "Invalid -proxy address or hostname: 'abc..abc:23456'"],
    ['-proxy=192.0.0.1:def', "Invalid port specified in -proxy: '192.0.0.1:def'"],
    ['-proxy=127.0.0.1:9050=', "Invalid -proxy address or hostname, ends with '=': '127.0.0.1:9050='"],
    ['-proxy=127.0.0.1:9050=foo', "Unrecognized network in -proxy='127.0.0.1:9050=foo': 'foo'"],
    ['-onion=xyz..xyz:23456', "Invalid -onion address or hostname: 'xyz..xyz:23456'"],
    ['-i2psam=192.0.0.1:def', "Invalid port specified in -i2psam: '192.0.0.1:def'"],
    ['-onlynet=abc', "Unknown network specified in -onlynet: 'abc'"],
    ['-onlynet=i2p', 'Outbound connections restricted to i2p (-onlynet=i2p) but -i2psam is not provided'],
    ['-onlynet=cjdns', 'Outbound connections restricted to CJDNS (-onlynet=cjdns) but -cjdnsreachable is not provided'],
    ['-onlynet=onion -onion=0', 'explicitly forbidden: -onion=0'],
    ['-onlynet=onion -listenonion=0', 'none of -proxy, -onion or -listenonion is given'],
    ['-onlynet=onion -onion=1.1.1.1:1 -dnsseed=1', 'Incompatible options: -dnsseed=1 was explicitly specified'],
  ])('%s is refused', (args, message) => {
    expect(() => reachability(configOf(args))).toThrow(message);
  }); // biome-ignore format: a table
});

describe('where to listen', () => {
  const seen = (args: string, persona?: 'hearsay') =>
    listenAddresses(configOf(args, persona)).map(
      ({ host, port, isOnion, isOptional }) =>
        `${host} ${port}${isOnion ? ' onion' : ''}${isOptional ? ' optional' : ''}`,
    );

  test.each([
    ['', [':: 18444 optional', '0.0.0.0 18444', '127.0.0.1 18445 onion']],
    ['-port=5 -port=6', [':: 6 optional', '0.0.0.0 6', '127.0.0.1 7 onion']],
    ['-port=5 -bind=127.0.0.1', ['127.0.0.1 5']],
    ['-port=5 -bind=127.0.0.1=onion', ['127.0.0.1 6 onion']],
    ['-bind=[::1]:7 -bind=127.0.0.1:8=onion', ['::1 7', '127.0.0.1 8 onion']],
    ['-whitebind=noban@127.0.0.1:9', ['127.0.0.1 9', '127.0.0.1 18445 onion']],
  ])('%s', (args, expected) => expect(seen(args)).toEqual(expected));

  test.each([
    ['', ['127.0.0.1 0 onion']],
    ['-listenonion=0', []],
    ['--private-network', []],
    ['--private-network -listenonion', ['127.0.0.1 0 onion']],
  ])('our own nodes leave the neighbouring port alone: %s', (args, expected) => {
    expect(seen(args, 'hearsay')).toEqual([':: 18444 optional', '0.0.0.0 18444', ...expected]);
  });

  test.each([
    ['', '127.0.0.1 18445'],
    ['-whitebind=127.0.0.1:9', '127.0.0.1 18445'],
    ['-bind=127.0.0.1 -whitebind=127.0.0.1:9', '127.0.0.1 18444'],
    ['-bind=127.0.0.1:5 -bind=[::1]:6=onion -bind=[::1]:7=onion', '::1 6'],
  ])('an onion service leads to: %s', (args, expected) => {
    const { host, port } = onionServiceTarget(listenAddresses(configOf(args)))!;
    expect(`${host} ${port}`).toBe(expected);
  });

  test.each([
    ['-port=65536', "Invalid port specified in -port: '65536'"],
    ['-port=0', "Invalid port specified in -port: '0'"],
    ['-port=abc', "Invalid port specified in -port: 'abc'"],
    ['-bind=nowhere', "Cannot resolve -bind address: 'nowhere'"],
    ['-bind=1.1.1.1:x', "Invalid port specified in -bind: '1.1.1.1:x'"],
    ['-bind=1.1.1.1:5 -bind=1.1.1.1:5=onion', 'Duplicate binding configuration for address 1.1.1.1:5.'],
    ['-port=5 -whitebind=127.0.0.1:6', 'Duplicate binding configuration for address 127.0.0.1:6.'],
    ['-whitebind=1.1.1.1:5 -bind=1.1.1.1:5', 'Duplicate binding configuration for address 1.1.1.1:5.'],
  ])('%s is refused', (args, message) => expect(() => seen(args)).toThrow(message));
});

describe('what follows from what', () => {
  const options = (args: string) => networkOptions(configOf(args));

  test('a proxy, or connect, keeps us from listening and telling addresses', () => {
    expect(options('').listen.length).toBeGreaterThan(0);
    expect(options('').discoversAddresses).toBe(true);
    for (const args of ['-proxy=1.1.1.1:1', '-connect=1.1.1.1', '-maxconnections=0', '-listen=0'])
      expect(options(args)).toMatchObject({ listen: [], discoversAddresses: false });
    expect(options('-proxy=1.1.1.1:1 -listen')).toMatchObject({ discoversAddresses: false });
    expect(options('-externalip=1.2.3.4')).toMatchObject({ discoversAddresses: false });
    expect(options('-bind=127.0.0.1')).toMatchObject({ discoversAddresses: false });
  });

  test.each([
    ['', false],
    ['-proxy=127.0.0.1:9050', true],
    ['-proxy=127.0.0.1:9050=ipv6', true],
    ['-onion=127.0.0.1:9050', false],
  ])('with "%s", whether seeds are left to a proxy to look up: %s', (args, isProxied) => {
    expect(networkOptions(configOf(args)).manager.isDnsProxied).toBe(isProxied);
  });

  test.each([
    ['', '127.0.0.1:9051 asks'],
    ['-torcontrol=[::1]:5 -torpassword=p', '[::1]:5 with a password asks, warns'],
    ['-torcontrol=tor', 'tor:9051 asks, warns'],
    ['-listenonion -proxy=1.1.1.1:1 -listen', '127.0.0.1:9051 asks, warns'],
    ['-onion=1.1.1.1:1', '127.0.0.1:9051'],
    ['-noonion', '127.0.0.1:9051'],
    ['-onlynet=ipv4', '127.0.0.1:9051 asks, onion stays unreachable'],
    ['-listenonion=0', undefined],
    ['-listen=0', undefined],
    ['-connect=1.1.1.1', undefined],
  ])('with "%s", Tor is asked for a service: %s', (args, expected) => {
    const { tor } = options(args);
    const seen = tor && [
      `${hostPortText(tor.place)}${tor.password && ' with a password'}${tor.asksForProxy ? ' asks' : ''}`,
      ...(tor.isWanted ? ['warns'] : []),
      ...(tor.allowsOnion ? [] : ['onion stays unreachable']),
    ];
    expect(seen?.join(', ')).toBe(expected);
  });

  test('of several places for Tor the first is used, and that is told', () => {
    const [warning] = options('-bind=127.0.0.1:8=onion -bind=127.0.0.1:9=onion').warnings;
    expect(warning).toBe(
      'More than one onion bind address is provided. Using 127.0.0.1:8 for the automatically created Tor onion service.',
    );
    expect(options('-bind=127.0.0.1:8=onion -bind=127.0.0.1:9=onion -listenonion=0').warnings).toEqual([]);
    expect(options('').warnings).toEqual([]);
  });

  test('an external address has the port that is listened on', () => {
    expect(options('-externalip=1.2.3.4 -port=5').manager.externalAddresses[0]!.port).toBe(5);
    expect(options('-externalip=1.2.3.4:6 -port=5').manager.externalAddresses[0]!.port).toBe(6);
  });

  test('fc00::/8 is CJDNS only where that is reachable', () => {
    const network = (args: string) => options(args).manager.addNodes.map(each => each.kind === 'address' && each.address.network); // biome-ignore format: one step
    expect(network('-addnode=[fc00::1]:5')).toEqual(['ipv6']);
    expect(network('-addnode=[fc00::1]:5 -cjdnsreachable')).toEqual(['cjdns']);
  });

  test.each([
    ['-forcednsseed -dnsseed=0', 'Cannot set -forcednsseed to true when setting -dnsseed to false.'],
    ['-maxuploadtarget=abc', "Unable to parse -maxuploadtarget: 'abc'"],
    ['-listen=0 -listenonion', 'Cannot set -listen=0 together with -listenonion=1'],
    ['-torcontrol=127.0.0.1:x -listenonion=0', "Invalid port specified in -torcontrol: '127.0.0.1:x'"],
    ['-privatebroadcast -listenonion=0', 'none of Tor or I2P networks is reachable'],
    ['-privatebroadcast -onlynet=ipv4', 'none of Tor or I2P networks is reachable'],
    ['-bind=127.0.0.1 -listen=0', 'Cannot set -bind or -whitebind together with -listen=0'],
  ])('%s is refused', (args, message) => expect(() => options(args)).toThrow(message));

  test.each([
    ['1', 1_048_576],
    ['2k', 2_000],
    ['2K', 2_048],
    ['3g', 3_000_000_000],
    ['800M', 838_860_800],
    ['', undefined],
    ['-1', undefined],
    ['1.5M', undefined],
    ['9007199254740993k', undefined],
  ])('%s bytes', (text, expected) => expect(parseByteUnits(text, 'M')).toBe(expected));
});
