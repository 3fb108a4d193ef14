/** MuSig2 (BIP327) and extended keys of aggregates (BIP328): all vectors but those of deterministic signing. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { encodeExtendedPublicKey } from '../../src/crypto/bip32.ts';
import {
  aggregateMusigNonces,
  aggregateMusigSignatures,
  createMusigNonce,
  type MusigTweak,
  signMusigPartially,
  verifyMusigPartially,
} from '../../src/crypto/musig.ts';
import {
  aggregateMusigKeys,
  MusigError,
  musigPublicKey,
  sortMusigKeys,
  tweakMusigKeys,
} from '../../src/crypto/musig-keys.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { musigExtendedKey } from '../../src/script/musig-key.ts';
import { MAIN_PREFIXES } from '../support/prefixes.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

interface Blame {
  readonly error: { readonly signer?: number | null };
}

interface Case {
  readonly key_indices: number[];
  readonly nonce_indices: number[];
  readonly tweak_indices: number[];
  readonly is_xonly: boolean[];
  readonly pnonce_indices: number[];
  readonly psig_indices: number[];
  readonly signer_index: number;
  readonly aggnonce_index: number;
  readonly secnonce_index?: number;
  readonly msg_index: number;
  readonly aggnonce: string;
  readonly sig: string;
  readonly expected: string;
  readonly comment?: string;
}

const read = <T>(name: string) => readSharedJson<T>(`vectors/bips/bip-0327_${name}.json`);
const pick = (list: readonly string[], indices: readonly number[]) => indices.map(i => hexToBytes(list[i]!));

function tweaksOf(list: readonly string[], vector: Case): MusigTweak[] {
  return vector.tweak_indices.map((index, i) => ({
    tweak: hexToBytes(list[index]!),
    kind: vector.is_xonly[i] ? 'xOnly' : 'plain',
  }));
}

/** Throws MusigError that names the signer whom the vector names. */
function expectBlame(run: () => unknown, { error }: Blame, comment: string | undefined): void {
  try {
    run();
  } catch (thrown) {
    expect(thrown, comment).toBeInstanceOf(MusigError);
    expect((thrown as MusigError).signer ?? null, comment).toBe(error.signer ?? null);
    return;
  }
  throw new Error(`nothing was wrong: ${comment}`);
}

describeShared('MuSig2', () => {
  test('4 sums of keys, 5 that cannot be', () => {
    const vectors = read<{
      pubkeys: string[];
      tweaks: string[];
      valid_test_cases: Case[];
      error_test_cases: (Case & Blame)[];
    }>('key_agg');
    expect([vectors.valid_test_cases.length, vectors.error_test_cases.length]).toEqual([4, 5]);
    for (const vector of vectors.valid_test_cases) {
      const keys = aggregateMusigKeys(pick(vectors.pubkeys, vector.key_indices));
      expect(bytesToHex(musigPublicKey(keys).subarray(1)).toUpperCase()).toBe(vector.expected);
    }
    for (const vector of vectors.error_test_cases) {
      const run = () =>
        tweaksOf(vectors.tweaks, vector).reduce(
          tweakMusigKeys,
          aggregateMusigKeys(pick(vectors.pubkeys, vector.key_indices)),
        );
      expectBlame(run, vector, vector.comment);
    }
  });

  test('6 keys in order', () => {
    const { pubkeys, sorted_pubkeys } = read<{ pubkeys: string[]; sorted_pubkeys: string[] }>('key_sort');
    const sorted = sortMusigKeys(pubkeys.map(hexToBytes));
    expect(sorted.map(key => bytesToHex(key).toUpperCase())).toEqual(sorted_pubkeys);
    expect(sorted.length).toBe(6);
  });

  test('4 nonces', () => {
    const { test_cases } = read<{ test_cases: Record<string, string | null>[] }>('nonce_gen');
    expect(test_cases.length).toBe(4);
    for (const vector of test_cases) {
      const bytes = (name: string) => (vector[name] == null ? undefined : hexToBytes(vector[name]));
      const { secretNonce, publicNonce } = createMusigNonce({
        random: bytes('rand_')!,
        publicKey: bytes('pk')!,
        secretKey: bytes('sk'),
        aggregateKey: bytes('aggpk'),
        message: bytes('msg'),
        extra: bytes('extra_in'),
      });
      expect(bytesToHex(secretNonce).toUpperCase()).toBe(vector['expected_secnonce']);
      expect(bytesToHex(publicNonce).toUpperCase()).toBe(vector['expected_pubnonce']);
    }
  });

  test('2 sums of nonces, 3 that cannot be', () => {
    const vectors = read<{
      pnonces: string[];
      valid_test_cases: Case[];
      error_test_cases: (Case & Blame)[];
    }>('nonce_agg');
    expect([vectors.valid_test_cases.length, vectors.error_test_cases.length]).toEqual([2, 3]);
    const sum = (vector: Case) => aggregateMusigNonces(pick(vectors.pnonces, vector.pnonce_indices));
    for (const vector of vectors.valid_test_cases) {
      expect(bytesToHex(sum(vector)).toUpperCase()).toBe(vector.expected);
    }
    for (const vector of vectors.error_test_cases) expectBlame(() => sum(vector), vector, vector.comment);
  });

  test('6 partial signatures, 6 that cannot be made, 5 that are wrong', () => {
    const vectors = read<{
      sk: string;
      pubkeys: string[];
      secnonces: string[];
      pnonces: string[];
      aggnonces: string[];
      msgs: string[];
      valid_test_cases: Case[];
      sign_error_test_cases: (Case & Blame)[];
      verify_fail_test_cases: Case[];
      verify_error_test_cases: (Case & Blame)[];
    }>('sign_verify');
    const { valid_test_cases, sign_error_test_cases, verify_fail_test_cases, verify_error_test_cases } =
      vectors;
    expect(
      [valid_test_cases, sign_error_test_cases, verify_fail_test_cases, verify_error_test_cases].map(
        list => list.length,
      ),
    ).toEqual([6, 6, 3, 2]);
    const partOf = (vector: Case) => ({
      publicKeys: pick(vectors.pubkeys, vector.key_indices),
      tweaks: [],
      message: hexToBytes(vectors.msgs[vector.msg_index]!),
    });
    const sign = (vector: Case) =>
      signMusigPartially(hexToBytes(vectors.secnonces[vector.secnonce_index ?? 0]!), hexToBytes(vectors.sk), {
        ...partOf(vector),
        aggregateNonce: hexToBytes(vectors.aggnonces[vector.aggnonce_index]!),
      });
    const verify = (vector: Case, signature: string) =>
      verifyMusigPartially(
        hexToBytes(signature),
        pick(vectors.pnonces, vector.nonce_indices),
        vector.signer_index,
        partOf(vector),
      );
    for (const vector of valid_test_cases) {
      expect(bytesToHex(sign(vector)).toUpperCase()).toBe(vector.expected);
      expect(verify(vector, vector.expected)).toBe(true);
    }
    for (const vector of sign_error_test_cases) expectBlame(() => sign(vector), vector, vector.comment);
    for (const vector of verify_fail_test_cases)
      expect(verify(vector, vector.sig), vector.comment).toBe(false);
    for (const vector of verify_error_test_cases) {
      expectBlame(() => verify(vector, vector.sig), vector, vector.comment);
    }
  });

  test('5 signatures with tweaks, 1 that cannot be', () => {
    const vectors = read<{
      sk: string;
      pubkeys: string[];
      secnonce: string;
      pnonces: string[];
      aggnonce: string;
      tweaks: string[];
      msg: string;
      valid_test_cases: Case[];
      error_test_cases: (Case & Blame)[];
    }>('tweak');
    expect([vectors.valid_test_cases.length, vectors.error_test_cases.length]).toEqual([5, 1]);
    const partOf = (vector: Case) => ({
      publicKeys: pick(vectors.pubkeys, vector.key_indices),
      tweaks: tweaksOf(vectors.tweaks, vector),
      message: hexToBytes(vectors.msg),
    });
    const sign = (vector: Case) =>
      signMusigPartially(hexToBytes(vectors.secnonce), hexToBytes(vectors.sk), {
        ...partOf(vector),
        aggregateNonce: hexToBytes(vectors.aggnonce),
      });
    for (const vector of vectors.valid_test_cases) {
      const signature = sign(vector);
      expect(bytesToHex(signature).toUpperCase(), vector.comment).toBe(vector.expected);
      const nonces = pick(vectors.pnonces, vector.nonce_indices);
      expect(verifyMusigPartially(signature, nonces, vector.signer_index, partOf(vector))).toBe(true);
    }
    for (const vector of vectors.error_test_cases) expectBlame(() => sign(vector), vector, vector.comment);
  });

  test('4 signatures put together, 1 that cannot be', () => {
    const vectors = read<{
      pubkeys: string[];
      pnonces: string[];
      tweaks: string[];
      psigs: string[];
      msg: string;
      valid_test_cases: Case[];
      error_test_cases: (Case & Blame)[];
    }>('sig_agg');
    expect([vectors.valid_test_cases.length, vectors.error_test_cases.length]).toEqual([4, 1]);
    const message = hexToBytes(vectors.msg);
    const sum = (vector: Case) => {
      const aggregateNonce = aggregateMusigNonces(pick(vectors.pnonces, vector.nonce_indices));
      expect(bytesToHex(aggregateNonce).toUpperCase()).toBe(vector.aggnonce);
      const publicKeys = pick(vectors.pubkeys, vector.key_indices);
      const tweaks = tweaksOf(vectors.tweaks, vector);
      const session = { publicKeys, tweaks, aggregateNonce, message };
      return aggregateMusigSignatures(pick(vectors.psigs, vector.psig_indices), session);
    };
    for (const vector of vectors.valid_test_cases) {
      const signature = sum(vector);
      expect(bytesToHex(signature).toUpperCase(), vector.comment).toBe(vector.expected);
      const keys = tweaksOf(vectors.tweaks, vector).reduce(
        tweakMusigKeys,
        aggregateMusigKeys(pick(vectors.pubkeys, vector.key_indices)),
      );
      const key = musigPublicKey(keys).subarray(1);
      expect(loadVerifierSync('auto').verifySchnorr(message, signature, key)).toBe(true);
    }
    for (const vector of vectors.error_test_cases) expectBlame(() => sum(vector), vector, vector.comment);
  });

  test('3 extended keys of aggregates (BIP328)', () => {
    const vectors = readSharedJson<{ aggregate_pubkey: string; keys: string[]; xpub: string }[]>(
      'vectors/bips/bip-0328_vectors.json',
    );
    expect(vectors.length).toBe(3);
    for (const { aggregate_pubkey, keys, xpub } of vectors) {
      const key = musigPublicKey(aggregateMusigKeys(keys.map(hexToBytes)));
      expect(bytesToHex(key)).toBe(aggregate_pubkey);
      expect(encodeExtendedPublicKey(musigExtendedKey(key), MAIN_PREFIXES.extPublicKey)).toBe(xpub);
    }
  });
});
