/** Descriptor vectors from bcoin; where it differs from Core, Core's behaviour is what is expected. */
import { expect, test } from 'vitest';
import { encodeAddress, type KeyPrefixes } from '../../src/script/address.ts';
import { type Descriptor, parseDescriptor } from '../../src/script/descriptor.ts';
import { DescriptorError, descriptorChecksum } from '../../src/script/descriptor-checksum.ts';
import { PREFIXES } from '../support/prefixes.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

interface Input {
  readonly input: string;
  readonly network?: string;
}

function prefixesOf({ network = 'main' }: Input): KeyPrefixes {
  return PREFIXES[network === 'testnet' ? 'test' : network]!;
}

function parseOne(vector: Input): Descriptor {
  const [only, ...more] = parseDescriptor(vector.input, {
    prefixes: prefixesOf(vector),
    requireChecksum: false,
  });
  expect(more).toEqual([]);
  return only!;
}

describeShared('descriptors of bcoin', () => {
  test('valid', () => {
    interface Valid extends Input {
      readonly descriptor: string;
      readonly checksum: string;
      readonly isrange: boolean;
      readonly issolvable: boolean;
      readonly hasprivatekeys: boolean;
    }
    const groups = readSharedJson<Record<string, Valid[]>>('vectors/descriptors/bcoin-desc-valid.json');
    const vectors = Object.values(groups).flat();
    expect(vectors.length).toBe(57);
    for (const vector of vectors) {
      const { input, checksum } = vector;
      const descriptor = parseOne(vector);
      expect(String(descriptor), input).toBe(vector.descriptor);
      expect(descriptorChecksum(input.split('#')[0]!), input).toBe(checksum);
      expect(descriptor.isRange, input).toBe(vector.isrange);
      expect(descriptor.isSolvable, input).toBe(vector.issolvable);
      expect(descriptor.hasPrivateKeys, input).toBe(vector.hasprivatekeys);
    }
  });

  test('addresses', () => {
    interface Derived extends Input {
      readonly addresses?: readonly string[];
      readonly range?: readonly [number, number];
    }
    const groups = readSharedJson<Record<string, Derived[]>>('vectors/descriptors/bcoin-desc-addresses.json');
    let count = 0;
    for (const vector of Object.values(groups).flat()) {
      const { input, addresses, range: [first, last] = [0, 0] } = vector;
      if (addresses === undefined) continue;
      const descriptor = parseOne(vector);
      const own: string[] = [];
      for (let index = first; index <= last; index += 1) {
        for (const script of descriptor.expand(index)!.scripts) {
          const address = encodeAddress(script, prefixesOf(vector));
          if (address !== undefined) own.push(address);
        }
      }
      // To a bare key bcoin gives the address of its hash, as Core did once.
      if (own.length === 0) continue;
      expect(new Set(own), input).toEqual(new Set(addresses));
      count += own.length;
    }
    expect(count).toBe(251);
  });

  test('private keys', () => {
    const vectors = readSharedJson<(Input & { readonly expected?: string })[]>(
      'vectors/descriptors/bcoin-desc-privatekeys.json',
    );
    expect(vectors.length).toBe(5);
    for (const vector of vectors) {
      // bcoin wants all keys; Core shows those that there are.
      if (vector.expected !== undefined) expect(parseOne(vector).toPrivateString()).toBe(vector.expected);
    }
  });

  test('invalid', () => {
    const vectors = readSharedJson<Input[]>('vectors/descriptors/bcoin-desc-invalid.json');
    expect(vectors.length).toBe(40);
    let refused = 0;
    for (const vector of vectors) {
      const parse = (): unknown =>
        parseDescriptor(vector.input, {
          prefixes: prefixesOf(vector),
          requireChecksum: 'requirechecksum' in vector,
        });
      // Multipath came after bcoin.
      if (vector.input.includes('<0;1>')) continue;
      expect(parse, vector.input).toThrow(DescriptorError);
      refused += 1;
    }
    expect(refused).toBe(vectors.length - 1);
  });
});
