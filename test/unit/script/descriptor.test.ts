/**
 * Descriptors against Core: `descriptor-core.json` holds what `getdescriptorinfo` and `deriveaddresses` of Core 31.99
 * on regtest answered for each text.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../../src/base/bytes.ts';
import { HARDENED } from '../../../src/crypto/bip32.ts';
import { hash160 } from '../../../src/crypto/hashes.ts';
import { publicKeyOf, taprootTweakPublicKey } from '../../../src/crypto/keys.ts';
import { encodeAddress } from '../../../src/script/address.ts';
import { type Descriptor, parseDescriptor } from '../../../src/script/descriptor.ts';
import { addChecksum, checkChecksum, DescriptorError } from '../../../src/script/descriptor-checksum.ts';
import { inferDescriptor } from '../../../src/script/descriptor-infer.ts';
import { REGTEST_PREFIXES } from '../../support/prefixes.ts';

interface Answer {
  readonly text: string;
  readonly error?: string;
  readonly public: string;
  readonly paths?: readonly string[];
  readonly checksum: string;
  readonly flags: string;
  readonly addresses?: readonly string[] | readonly (readonly string[])[];
  readonly deriveError?: string;
}

const file = new URL('./descriptor-core.json', import.meta.url);
const answers = JSON.parse(readFileSync(file, 'utf8')) as Answer[];
const TPRV =
  'tprv8ZgxMBicQKsPeDgjzdC36fs6bMjGApWDNLR9erAXMs5skhMv36j9MV5ecvfavji5khqjWaWSFhN3YcCUUdiKH6isR4Pwy3U5y5egddBr16m';
const KEY = '037c2098fd2235660734667ff8821dbbe0e6592d43cfd86b5dde9ea7c839b93a50';

function parse(text: string): Descriptor[] {
  return parseDescriptor(text, { prefixes: REGTEST_PREFIXES, requireChecksum: false });
}

function parseOne(text: string): Descriptor {
  return parse(text)[0]!;
}

function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DescriptorError) return error.message;
    throw error;
  }
  return 'no error';
}

/** As Core's `deriveaddresses` does: all scripts of an index, an error as text. */
function addressesOf(descriptor: Descriptor): string[] | string {
  const addresses: string[] = [];
  for (const index of descriptor.isRange ? [0, 1, 2] : [0]) {
    const expansion = descriptor.expand(index);
    if (expansion === undefined) return 'Cannot derive script without private keys';
    for (const script of expansion.scripts) {
      const address = encodeAddress(script, REGTEST_PREFIXES);
      // Of a combo the bare key is passed over.
      if (address === undefined && expansion.scripts.length === 1) {
        return 'Descriptor does not have a corresponding address';
      }
      if (address !== undefined) addresses.push(address);
    }
  }
  return addresses;
}

describe('as Core', () => {
  test.each(answers.filter(answer => answer.error === undefined))('reads $text', answer => {
    const descriptors = parse(answer.text);
    const [first] = descriptors;
    const flags = [
      first!.isRange ? ['isrange'] : [],
      first!.isSolvable ? ['issolvable'] : [],
      first!.hasPrivateKeys ? ['hasprivatekeys'] : [],
    ];
    expect(descriptors.map(String)).toEqual(answer.paths ?? [answer.public]);
    expect(flags.flat().join(' ')).toBe(answer.flags);
    expect(checkChecksum(answer.text, { requireChecksum: false }).checksum).toBe(answer.checksum);
    const derived = descriptors.map(addressesOf);
    if (answer.deriveError !== undefined) expect(derived).toContain(answer.deriveError);
    else expect(derived).toEqual(answer.paths === undefined ? [answer.addresses] : answer.addresses);
  });

  test.each(answers.filter(answer => answer.error !== undefined))('refuses $text', answer => {
    expect(errorOf(() => parse(answer.text))).toBe(answer.error);
  });

  test('what is not known here is said so', () => {
    expect(errorOf(() => parse(`wsh(and_v(v:pk(${KEY}),older(3)))`))).toBe(
      'Miniscript expressions are not supported',
    );
    expect(errorOf(() => parse(`tr(musig(${KEY},${KEY}))`))).toBe('tr(): musig() is not supported');
  });
});

describe('checksum', () => {
  const payload = `pk(${KEY})`;
  const text = addChecksum(payload);
  const wrong = `${payload}#qqqqqqqq`;
  test.each([
    [payload, 'Missing checksum'],
    [`${text}#`, "Multiple '#' symbols"],
    [`${payload}#`, 'Expected 8 character checksum, not 0 characters'],
    [`${text}é`, 'Expected 8 character checksum, not 10 characters'],
    [`pk(é)#qqqqqqqq`, 'Invalid characters in payload'],
    [wrong, `Provided checksum 'qqqqqqqq' does not match computed checksum '${text.slice(-8)}'`],
  ])('%s', (given, expected) => {
    expect(errorOf(() => checkChecksum(given, { requireChecksum: true }))).toBe(expected);
  });

  test('right', () => {
    expect(checkChecksum(text, { requireChecksum: true })).toEqual({ payload, checksum: text.slice(-8) });
  });
});

describe('for a wallet', () => {
  const text = `wpkh(${TPRV}/84h/1h/0h/0/*)`;
  const descriptor = parseOne(text);

  test('the secret keys belong to the public keys', () => {
    for (const source of [
      text,
      `sh(wsh(sortedmulti(2,${TPRV}/1'/*',${TPRV}/2/*,${TPRV}/3)))`,
      `tr(${TPRV}/86h/*)`,
      'pk(92BFtQAs4E1uuvpLoxBUcFxNUW25YA2LNE88aZ2rBJcYmdcS9wF)',
      'tr(cQCGhsGXwET2YcXxSEZErd1PnP5m2WptUgvUT6PA4UjuDxsrBfH5)',
    ]) {
      const some = parseOne(source);
      for (const index of [0, 1, 1000]) {
        const secrets = some.secretKeys(index);
        const keys = some.expand(index)!.keys;
        for (const [i, { publicKey }] of keys.entries()) {
          const own = publicKeyOf(secrets[i]!, { compressed: publicKey.length === 33 });
          expect(bytesToHex(own)).toBe(bytesToHex(publicKey));
        }
      }
    }
  });

  test('origins are counted from the root', () => {
    const { origin } = descriptor.expand(7)!.keys[0]!;
    expect(bytesToHex(origin.fingerprint)).toBe('3442193e');
    expect(origin.path).toEqual([84 + HARDENED, 1 + HARDENED, HARDENED, 0, 7]);
    const nested = parseOne(`pkh([d34db33f/1/2h]${TPRV}/3h/*h)`).expand(7)!.keys[0]!.origin;
    expect(bytesToHex(nested.fingerprint)).toBe('d34db33f');
    expect(nested.path).toEqual([1, 2 + HARDENED, 3 + HARDENED, 7 + HARDENED]);
  });

  test('the private form reads back, the normalised form derives without secrets', () => {
    expect(descriptor.toPrivateString()).toBe(addChecksum(text));
    const normalized = descriptor.toNormalizedString()!;
    expect(normalized).toMatch(/^wpkh\(\[3442193e\/84h\/1h\/0h\]tpub\w+\/0\/\*\)#\w{8}$/);
    const locked = parseOne(normalized);
    expect(locked.hasPrivateKeys).toBe(false);
    expect(locked.toPrivateString()).toBe(undefined);
    expect(locked.secretKeys(3)).toEqual([undefined]);
    expect(locked.expand(3)).toEqual(descriptor.expand(3));
    expect(parseOne(String(descriptor)).expand(3)).toBe(undefined);
    expect(parseOne(String(descriptor)).toNormalizedString()).toBe(undefined);
    const origin = parseOne(`wpkh([aabbccdd/1'/2']${TPRV}/3'/4'/5/*)`).toNormalizedString()!;
    expect(origin).toMatch(/^wpkh\(\[aabbccdd\/1h\/2h\/3h\/4h\]tpub\w+\/5\/\*\)#\w{8}$/);
    const hardened = parseOne(`wpkh(${TPRV}/3'/4'/*')`).toNormalizedString()!;
    expect(hardened).toMatch(/^wpkh\(tpub\w+\/3h\/4h\/\*h\)#\w{8}$/);
  });

  test('what hashes hide', () => {
    const nested = parseOne(`sh(wsh(multi(1,${KEY})))`).expand(0)!;
    expect(bytesToHex(nested.witnessScript!)).toBe(`5121${KEY}51ae`);
    expect(bytesToHex(nested.redeemScript!)).toMatch(/^0020[0-9a-f]{64}$/);
    expect(bytesToHex(nested.scripts[0]!)).toBe(`a914${bytesToHex(hash160(nested.redeemScript!))}87`);
    const combo = parseOne(`combo(${KEY})`).expand(0)!;
    expect(combo.scripts.length).toBe(4);
    expect(combo.redeemScript).toEqual(combo.scripts[2]);
    const tree = parseOne(`tr(${KEY},pk(${KEY}))`).expand(0)!;
    const { internalKey, merkleRoot } = tree.taproot!;
    const { key } = taprootTweakPublicKey(internalKey, merkleRoot)!;
    expect(bytesToHex(tree.scripts[0]!)).toBe(`5120${bytesToHex(key)}`);
  });
});

describe('inferring', () => {
  const infer = (hex: string): string => inferDescriptor(hexToBytes(hex), REGTEST_PREFIXES).slice(0, -9);
  test.each([
    [`21${KEY}ac`, `pk(${KEY})`],
    [`5121${KEY}51ae`, `multi(1,${KEY})`],
    [`5120${KEY.slice(2)}`, `rawtr(${KEY.slice(2)})`],
    ['0014751e76e8199196d454941c45d1b3a323f1433bd6', 'addr(bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080)'],
    ['6a0548656c6c6f', 'raw(6a0548656c6c6f)'],
    ['', 'raw()'],
  ])('%s', (script, expected) => {
    expect(infer(script)).toBe(expected);
  });

  test('knowing keys and scripts', () => {
    const key = hexToBytes(KEY);
    const { scripts, redeemScript, witnessScript } = parseOne(`sh(wsh(pkh(${KEY})))`).expand(0)!;
    const known = [redeemScript!, witnessScript!];
    const knowledge = {
      publicKeyOf: () => key,
      scriptOf: (hash: Uint8Array) => known.find(script => bytesToHex(hash160(script)) === bytesToHex(hash)),
      originOf: () => ({ fingerprint: hexToBytes('d34db33f'), path: [44 + HARDENED, 5] }),
    };
    expect(inferDescriptor(scripts[0]!, REGTEST_PREFIXES, knowledge)).toBe(
      addChecksum(`sh(wsh(pkh([d34db33f/44h/5]${KEY})))`),
    );
  });
});
