import { describe, expect, test } from 'vitest';
import builtIn from '../../../genesis.json' with { type: 'json' };
import { bytesToHex, hashToHex } from '../../../src/base/bytes.ts';
import { customNetwork, loadNetworks, networkParams } from '../../../src/consensus/networks.ts';

/** Core src/kernel/chainparams.cpp: asserted there too. */
const GENESIS = {
  main: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
  test: '000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943',
  testnet4: '00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043',
  signet: '00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6',
  regtest: '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206',
} as const;

type Json = Record<string, unknown>;

/** The file with one field of one network changed. */
function changed(network: string, path: readonly string[], value: unknown): unknown {
  const file = structuredClone(builtIn) as Json;
  let at = file[network] as Json;
  for (const step of path.slice(0, -1)) at = at[step] as Json;
  const last = path.at(-1)!;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return file;
}

describe('the networks of genesis.json', () => {
  test.each(Object.entries(GENESIS))('%s starts with its genesis block', (name, hash) => {
    expect(hashToHex(networkParams(name).genesis.header.hash)).toBe(hash);
  });

  test('all load at once', () => {
    expect([...loadNetworks(builtIn).keys()]).toEqual(Object.keys(GENESIS));
  });

  test("signet's magic is derived from its challenge (BIP325)", () => {
    expect(bytesToHex(networkParams('signet').magic)).toBe('0a03cf40');
  });

  test('an unknown network is refused by name', () => {
    expect(() => networkParams('dogecoin')).toThrow('Unknown network "dogecoin"');
  });
});

describe('a file that is wrong is refused, and the error names the place', () => {
  test.each([
    [
      ['genesis', 'hash'],
      '00'.repeat(32),
      'genesis.json.main.genesis.hash is 0000000000000000000000000000000000000000000000000000000000000000, ' +
        'but the fields of the block give 000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
    ],
    [
      ['genesis', 'merkleRoot'],
      '11'.repeat(32),
      'but the fields of the block give 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b',
    ],
    [['genesis', 'nonce'], 1, 'genesis.json.main.genesis.hash is 000000000019d6'],
    [['genesis', 'message'], 'Another', 'genesis.json.main.genesis.merkleRoot is 4a5e1e'],
    [['genesis', 'time'], '1231006505', 'genesis.time is not a whole number from 0 to 4294967295'],
    [['magic'], 'f9beb4', 'magic is not 4 bytes in hex'],
    [['defaultPort'], 70_000, 'defaultPort is not a whole number from 1 to 65535'],
    [['powLimit'], undefined, 'powLimit is missing'],
    [['powlimit'], 'ff', 'powlimit is not a known field'],
    [['powLimit'], `00000000${'00'.repeat(28)}`, 'nonce does not give the proof of work'],
    [['dnsSeeds'], ['a', 7], 'dnsSeeds is not a list of texts'],
    [['fixedSeeds'], ['example.org:8333'], 'fixedSeeds holds "example.org:8333"'],
    [['address', 'bech32'], 'BC', 'address.bech32 is not 1 to 20 of a-z and 0-9'],
    [['buried', 'taproot'], 0, 'buried.taproot is not a known field'],
    [['deployments', '0', 'bit'], 29, 'deployments[0].bit is not a whole number from 0 to 28'],
    [['scriptFlagExceptions'], { ['00'.repeat(32)]: ['P3SH'] }, 'script flag that does not exist: P3SH'],
    [['assumedValidBlock'], 5, 'assumedValidBlock is not 32 bytes in hex'],
    [['directory'], '../elsewhere', 'directory is not the name of a folder'],
  ])('%j = %j', (path, value, message) => {
    expect(() => loadNetworks(changed('main', path, value))).toThrow(message);
  });

  test('a magic that the challenge does not give', () => {
    const file = changed('signet', ['magic'], '00000000');
    expect(() => loadNetworks(file)).toThrow('signet challenge gives: 0a03cf40');
  });
});

describe("a chain of one's own", () => {
  const { genesis, magic } = builtIn.regtest;

  test('is like regtest where its fields say nothing', () => {
    const params = customNetwork({ mine: { genesis, magic, defaultPort: 1234, address: { bech32: 'me' } } });
    const regtest = networkParams('regtest');
    expect(params).toEqual({
      ...regtest,
      name: 'mine',
      directory: 'mine',
      defaultPort: 1234,
      address: { ...regtest.address, bech32: 'me' },
      dnsSeeds: [],
      fixedSeeds: [],
      assumeUtxo: [],
    });
  });

  test.each([
    [{}, 'must hold one chain, but it holds 0'],
    [{ a: {}, b: {} }, 'must hold one chain, but it holds 2'],
    [{ main: { genesis, magic } }, 'has the name of a built-in network: "main"'],
    [{ mine: { magic } }, 'mine.genesis is missing'],
    [{ mine: { genesis } }, 'mine.magic is missing'],
    [{ mine: 7 }, 'mine is not an object'],
    [{ 'Über uns': { genesis, magic } }, 'cannot be the name of a chain'],
    [[], 'The genesis file is not an object'],
  ])('%j is refused', (file, message) => {
    expect(() => customNetwork(file)).toThrow(message);
  });
});
