/**
 * Addresses and P2SH, P2WSH, P2TR payments of bitcoinjs-lib: what belongs together (address, script, hash, what is behind
 * the hash) must follow from each other. What that library refuses because arguments contradict each other, or computes
 * lazily ('dynamic'), has nothing to do with formats; of the invalid ones those are used that are an address or a script
 * alone.
 */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { hash160 } from '../../src/crypto/hashes.ts';
import { taprootTweakPublicKey } from '../../src/crypto/keys.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import { AddressError, decodeAddress, encodeAddress, type KeyPrefixes } from '../../src/script/address.ts';
import { OPCODES, parseScript, pushData } from '../../src/script/opcodes.ts';
import { tapLeafHash, taprootMerkleRoot } from '../../src/script/taproot.ts';
import { buildTapTree, controlBlocks, type TapLeaf } from '../../src/script/taproot-tree.ts';
import {
  payToScriptHash,
  payToTaproot,
  payToWitness,
  solveScript,
  wrapInScriptHash,
  wrapInWitnessScriptHash,
} from '../../src/script/templates.ts';
import { MAIN_PREFIXES, PREFIXES } from '../support/prefixes.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

interface Redeem {
  readonly output?: string;
  readonly redeemVersion?: number;
}

type Tree = { readonly output: string; readonly version?: number } | readonly [Tree, Tree];

interface Facts {
  readonly address?: string;
  readonly hash?: string;
  readonly output?: string;
  readonly outputHex?: string;
  readonly input?: string | null;
  readonly witness?: readonly string[] | null;
  readonly redeem?: Redeem | null;
  readonly network?: string;
  readonly pubkey?: string;
  readonly internalPubkey?: string;
  readonly scriptTree?: Tree;
}

interface Fixture {
  readonly valid: readonly {
    readonly description: string;
    readonly arguments: Facts;
    readonly expected: Facts;
  }[];
  readonly invalid: readonly { readonly exception: string; readonly arguments: Facts }[];
}

function fromAsm(asm: string): Uint8Array {
  const parts = asm.split(' ').map(word => {
    if (!word.startsWith('OP_')) return pushData(hexToBytes(word));
    const names: Readonly<Record<string, number>> = { ...OPCODES, OP_TRUE: OPCODES.OP_1 };
    return Uint8Array.of(names[word]!);
  });
  return new Uint8Array(Buffer.concat(parts));
}

const isHexText = (text: string) => /^(?:[0-9a-f]{2})+$/.test(text);
const scriptOf = (text: string) => (isHexText(text) ? hexToBytes(text) : fromAsm(text));
const fixture = (name: string) => readSharedJson<Fixture>(`vectors/bitcoinjs/${name}.json`);

function expectAddress(address: string, output: Uint8Array, prefixes: KeyPrefixes, what: string): void {
  expect(bytesToHex(decodeAddress(address, prefixes).scriptPubKey), what).toBe(bytesToHex(output));
  expect(encodeAddress(output, prefixes), what).toBe(address);
}

/** Addresses and scripts alone that are not of this type; returns how many there were. */
function expectInvalid({ invalid }: Fixture, type: string): number {
  let count = 0;
  for (const { exception, arguments: given } of invalid) {
    const names = Object.keys(given);
    if (names.length !== 1) continue;
    const { address, output, outputHex } = given;
    if (address !== undefined) {
      const found = typeOfAddress(address, MAIN_PREFIXES);
      // A taproot address whose key is not on the curve is one: it can be paid to, and never spent.
      if (exception !== 'Invalid pubkey for p2tr') expect(found, exception).not.toBe(type);
      count += 1;
    } else if (output !== undefined || outputHex !== undefined) {
      const script = outputHex === undefined ? fromAsm(output!) : hexToBytes(outputHex);
      if (exception !== 'Invalid pubkey for p2tr') expect(solveScript(script).type, exception).not.toBe(type);
      count += 1;
    }
  }
  return count;
}

describeShared('bitcoinjs-lib', () => {
  test('20 addresses, 41 that are none', () => {
    interface Addresses {
      readonly standard: readonly {
        readonly network: string;
        readonly base58check?: string;
        readonly bech32?: string;
        readonly script: string;
      }[];
      readonly bech32: readonly {
        readonly address: string;
        readonly version: number;
        readonly prefix: string;
        readonly data: string;
      }[];
      readonly invalid: Readonly<
        Record<
          string,
          readonly {
            readonly address?: string;
            readonly script?: string;
            readonly network?: { readonly bech32: string };
          }[]
        >
      >;
    }
    const { standard, bech32, invalid } = readSharedJson<Addresses>('vectors/bitcoinjs/address.json');
    const networks: Readonly<Record<string, KeyPrefixes>> = {
      bitcoin: MAIN_PREFIXES,
      testnet: PREFIXES['test']!,
      regtest: PREFIXES['regtest']!,
      // Prefixes are parameters here, so another coin's addresses read as well.
      litecoin: { ...MAIN_PREFIXES, pubKeyHash: 48, scriptHash: 50 },
    };
    expect([standard.length, bech32.length]).toEqual([16, 4]);
    for (const { network, base58check, bech32: text, script } of standard) {
      expectAddress(
        (base58check ?? text!).toLowerCase() === text?.toLowerCase() ? text.toLowerCase() : base58check!,
        fromAsm(script),
        networks[network]!,
        script,
      );
    }
    for (const { address, version, prefix, data } of bech32) {
      const prefixes = Object.values(networks).find(known => known.bech32 === prefix)!;
      const { scriptPubKey } = decodeAddress(address, prefixes);
      expect(bytesToHex(scriptPubKey), address).toBe(bytesToHex(payToWitness(version, hexToBytes(data))));
    }
    // Core knows addresses of x-only keys that are off the curve, to which one can only burn; that library does not.
    const payable: string[] = [];
    const counts = Object.values(invalid).map(list => {
      for (const { address, script, network } of list) {
        const known =
          address === undefined
            ? encodeAddress(fromAsm(script!), MAIN_PREFIXES)
            : networksOf(network).flatMap(prefixes => typeOfAddress(address, prefixes) ?? [])[0];
        if (known !== undefined) payable.push(address ?? known);
      }
      return list.length;
    });
    expect(payable).toEqual(Array(2).fill('bc1pllllllllllllllllllllllllllllllllllllllllllllallllshsdfvw2y'));
    expect(counts).toEqual([7, 2, 8, 24]);
  });

  test.each([
    ['p2sh', 'scripthash', 11, 6],
    ['p2wsh', 'witness_v0_scripthash', 11, 4],
  ] as const)('%s: payments that belong together', (name, type, validCount, invalidCount) => {
    const fixtures = fixture(name);
    expect(fixtures.valid.length).toBe(validCount);
    for (const { description, arguments: given, expected } of fixtures.valid) {
      const facts: Facts = { ...given, ...expected };
      const network = expected.network ?? given.network ?? 'bitcoin';
      const prefixes = network === 'testnet' ? PREFIXES['test']! : MAIN_PREFIXES;
      const output = fromAsm(facts.output!);
      expect(solveScript(output).type, description).toBe(type);
      expectAddress(facts.address!, output, prefixes, description);
      const ofHash =
        name === 'p2sh' ? payToScriptHash(hexToBytes(facts.hash!)) : payToWitness(0, hexToBytes(facts.hash!));
      expect(bytesToHex(ofHash), description).toBe(bytesToHex(output));
      const redeem = { ...given.redeem, ...expected.redeem }.output;
      if (redeem === undefined) continue;
      const inner = scriptOf(redeem);
      const wrap = name === 'p2sh' ? wrapInScriptHash : wrapInWitnessScriptHash;
      expect(bytesToHex(wrap(inner)), description).toBe(bytesToHex(output));
      expect(bytesToHex((name === 'p2sh' ? hash160 : sha256)(inner)), description).toBe(facts.hash);
      const last =
        name === 'p2wsh'
          ? facts.witness?.at(-1)
          : facts.input
            ? bytesToHex([...parseScript(fromAsm(facts.input))].at(-1)!.data!)
            : undefined;
      if (last !== undefined) expect(last, description).toBe(bytesToHex(inner));
    }
    expect(expectInvalid(fixtures, type)).toBe(invalidCount);
  });

  test('p2tr: outputs, script trees and control blocks', () => {
    const fixtures = fixture('p2tr');
    expect(fixtures.valid.length).toBe(28);
    let [trees, blocks] = [0, 0];
    for (const { description, arguments: given, expected } of fixtures.valid) {
      const facts: Facts = { ...given, ...expected };
      const { scriptTree, internalPubkey, redeem, witness } = facts;
      const output = fromAsm(facts.output ?? `OP_1 ${facts.pubkey}`);
      expect(solveScript(output).type, description).toBe('witness_v1_taproot');
      expectAddress(facts.address!, output, MAIN_PREFIXES, description);
      if (facts.pubkey !== undefined) {
        expect(bytesToHex(payToTaproot(hexToBytes(facts.pubkey))), description).toBe(bytesToHex(output));
      }
      const leaves = scriptTree === undefined ? [] : leavesOf(scriptTree, 0);
      const tree = leaves.length === 0 ? undefined : buildTapTree(leaves);
      if (tree !== undefined) {
        expect(bytesToHex(tree.merkleRoot), description).toBe(facts.hash);
        trees += 1;
      }
      const root = tree?.merkleRoot ?? (facts.hash === undefined ? undefined : hexToBytes(facts.hash));
      if (internalPubkey !== undefined) {
        const tweaked = taprootTweakPublicKey(hexToBytes(internalPubkey), root)!;
        expect(bytesToHex(payToTaproot(tweaked.key)), description).toBe(bytesToHex(output));
      }
      const stack = (witness ?? []).filter((item, i) => i === 0 || !item.startsWith('50'));
      if (stack.length < 2) continue;
      const [script, control] = stack.slice(-2).map(hexToBytes) as [Uint8Array, Uint8Array];
      const proven = taprootMerkleRoot(control, tapLeafHash(control[0]! & 0xfe, script));
      const key = taprootTweakPublicKey(control.subarray(1, 33), proven)!;
      expect([bytesToHex(payToTaproot(key.key)), key.parity], description).toEqual([
        bytesToHex(output),
        control[0]! & 1,
      ]);
      if (tree !== undefined && redeem) {
        const own = controlBlocks(hexToBytes(internalPubkey!), leaves, tree).map(bytesToHex);
        expect(own, description).toContain(bytesToHex(control));
      }
      blocks += 1;
    }
    expect([trees, blocks]).toEqual([18, 16]);
    expect(expectInvalid(fixtures, 'witness_v1_taproot')).toBe(6);
  });
});

function leavesOf(tree: Tree, depth: number): TapLeaf[] {
  if ('output' in tree) {
    return [{ depth, leafVersion: tree.version ?? 0xc0, script: fromAsm(tree.output) }];
  }
  return [...leavesOf(tree[0], depth + 1), ...leavesOf(tree[1], depth + 1)];
}

function typeOfAddress(address: string, prefixes: KeyPrefixes): string | undefined {
  try {
    return solveScript(decodeAddress(address, prefixes).scriptPubKey).type;
  } catch (error) {
    expect(error, address).toBeInstanceOf(AddressError);
    return undefined;
  }
}

function networksOf(network: { readonly bech32: string } | undefined): KeyPrefixes[] {
  return network === undefined
    ? [MAIN_PREFIXES, PREFIXES['test']!]
    : [{ ...MAIN_PREFIXES, bech32: network.bech32 }];
}
