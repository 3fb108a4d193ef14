import { expect, test } from 'vitest';
import { bytesToHex } from '../../../src/base/bytes.ts';
import { customNetwork } from '../../../src/consensus/networks.ts';
import { type CreateGenesisOptions, createGenesis } from '../../../src/mining/create-genesis.ts';

const OPTIONS: CreateGenesisOptions = {
  name: 'home',
  message: 'Everything a peer says is hearsay — ärgerlich',
  time: 1_800_000_000,
  bits: 0x1f00_ffff,
  subsidy: 2_100_000_000,
  halvingInterval: 1000,
  port: 4242,
  rpcPort: 4243,
  address: { pubKeyHash: 1, scriptHash: 2, secretKey: 3, bech32: 'home' },
  dnsSeeds: ['seed.home.arpa'],
};

test('the file that is made is read again', () => {
  const params = customNetwork(JSON.parse(JSON.stringify(createGenesis(OPTIONS))));
  expect(params).toMatchObject({
    name: 'home',
    directory: 'home',
    isTestChain: true,
    defaultPort: 4242,
    rpcPort: 4243,
    dnsSeeds: ['seed.home.arpa'],
    subsidyInitial: 2_100_000_000,
    subsidyHalvingInterval: 1000,
    powLimit: BigInt(`0x0000${'f'.repeat(60)}`),
  });
  expect(params.address).toMatchObject(OPTIONS.address);
  expect(params.genesis.header.time).toBe(1_800_000_000);
  expect(params.magic).toHaveLength(4);
});

test('a magic that is asked for is used', () => {
  const made = createGenesis({ ...OPTIONS, bits: 0x207f_ffff, magic: Uint8Array.of(1, 2, 3, 4) });
  expect(bytesToHex(customNetwork(made).magic)).toBe('01020304');
});

test.each([
  [{ message: 'x'.repeat(92) }, 'The message has 92 bytes; 91 fit into a coinbase'],
  [{ bits: 0 }, 'The bits 00000000 stand for no target'],
  [{ bits: 0x0480_0001 }, 'The bits 04800001 stand for no target'],
])('%j is refused', (change, message) => {
  expect(() => createGenesis({ ...OPTIONS, ...change })).toThrow(message);
});
