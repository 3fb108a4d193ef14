/** How Core's networks show keys and addresses (src/kernel/chainparams.cpp). */
import type { KeyPrefixes } from '../../src/script/address.ts';

const TEST = {
  pubKeyHash: 111,
  scriptHash: 196,
  secretKey: 239,
  extPublicKey: 0x0435_87cf,
  extSecretKey: 0x0435_8394,
};

export const MAIN_PREFIXES: KeyPrefixes = {
  pubKeyHash: 0,
  scriptHash: 5,
  secretKey: 128,
  extPublicKey: 0x0488_b21e,
  extSecretKey: 0x0488_ade4,
  bech32: 'bc',
};
const TEST_PREFIXES: KeyPrefixes = { ...TEST, bech32: 'tb' };
export const REGTEST_PREFIXES: KeyPrefixes = { ...TEST, bech32: 'bcrt' };

/** By the names that Core's vectors use. */
export const PREFIXES: Readonly<Record<string, KeyPrefixes>> = {
  main: MAIN_PREFIXES,
  test: TEST_PREFIXES,
  testnet4: TEST_PREFIXES,
  signet: TEST_PREFIXES,
  regtest: REGTEST_PREFIXES,
};
