/**
 * Every published vector file is used, or it is written here why not. The table tells for each file the test that reads
 * it and how many cases it holds; a file of the manifest without a row, a row without a file, a count that is not what the
 * file holds, and a test that does not name its file fail. That all cases of a file are run is asserted where they are.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

interface Used {
  /** In test/, one or several. */
  readonly by: string;
  readonly cases: number;
  /** Of JSON: whose lengths are added up; default: the whole. */
  readonly of?: readonly string[];
  /** What of the file is left out, and why. */
  readonly except?: string;
}

/** Why a file is not used. */
type NotUsed = string;

/** The same cases as another file's, but for line ends. */
interface SameAs {
  readonly sameAs: string;
}

const SILENT = 'Silent payments: Core 31.99 has none (no module of BIP352, BIP374 or BIP375 in its sources).';
const LIBRARY = 'groups that call that library’s own functions with its own arguments';

const FILES: Readonly<Record<string, Used | NotUsed | SameAs>> = {
  'core/script_tests.json': { by: 'spec/script-tests.test.ts', cases: 1222 },
  'core/tx_valid.json': { by: 'spec/tx-vectors.test.ts', cases: 121 },
  'core/tx_invalid.json': { by: 'spec/tx-vectors.test.ts', cases: 93 },
  'core/sighash.json': { by: 'spec/sighash.test.ts', cases: 500 },
  'core/bip341_wallet_vectors.json': { by: 'spec/keys.test.ts', cases: 8, of: ['scriptPubKey', 'keyPathSpending'] },
  'core/blockfilters.json': { by: 'spec/block-filters.test.ts', cases: 10 },
  'core/key_io_valid.json': { by: 'spec/key-io.test.ts', cases: 70 },
  'core/key_io_invalid.json': { by: 'spec/key-io.test.ts', cases: 70 },
  'core/base58_encode_decode.json': { by: 'spec/keys.test.ts', cases: 21 },
  'core/asmap.raw': { by: 'unit/p2p/as-map.test.ts', cases: 1 },
  'core/rpc_psbt.json': { by: 'spec/psbt.test.ts', cases: 144, of: ['valid', 'invalid', 'invalid_with_msg', 'creator', 'signer', 'combiner', 'finalizer', 'extractor'] },
  'core/rpc_decodescript.json': { by: 'spec/core-rpc-vectors.test.ts', cases: 10 },
  'core/rpc_getblockstats.json': { by: 'spec/core-rpc-vectors.test.ts', cases: 3, of: ['stats'] },
  'core/rpc_bip67.json': { by: 'spec/core-rpc-vectors.test.ts', cases: 4 },
  'core/mainnet_alt.json': { by: 'spec/headers.test.ts', cases: 2016, of: ['nonces'] },
  'core/bip340_test_vectors.csv': { sameAs: 'bips/bip-0340_test-vectors.csv' },
  'core/ellswift_decode_test_vectors.csv': { by: 'spec/bip324.test.ts', cases: 76 },
  'core/xswiftec_inv_test_vectors.csv': { by: 'spec/bip324.test.ts', cases: 32 },
  'bips/bip-0039_english.txt': { by: 'spec/more-vectors.test.ts', cases: 2048 },
  'bips/bip-0054_test_vectors_txsize.json': { by: 'spec/more-vectors.test.ts', cases: 13 },
  'bips/bip-0158_testnet-19.json': { sameAs: 'core/blockfilters.json' },
  'bips/bip-0322_basic-test-vectors.json': 'Messages signed by scripts (BIP322): Core 31.99 does not have them.',
  'bips/bip-0322_generated-test-vectors.json': 'Messages signed by scripts (BIP322): Core 31.99 does not have them.',
  'bips/bip-0324_packet_encoding_test_vectors.csv': { by: 'spec/bip324.test.ts', cases: 7 },
  'bips/bip-0327_det_sign.json': 'Deterministic signing is an option of BIP327 that neither Core nor libsecp256k1 has.',
  'bips/bip-0327_key_agg.json': { by: 'spec/musig.test.ts', cases: 9, of: ['valid_test_cases', 'error_test_cases'] },
  'bips/bip-0327_key_sort.json': { by: 'spec/musig.test.ts', cases: 6, of: ['sorted_pubkeys'] },
  'bips/bip-0327_nonce_agg.json': { by: 'spec/musig.test.ts', cases: 5, of: ['valid_test_cases', 'error_test_cases'] },
  'bips/bip-0327_nonce_gen.json': { by: 'spec/musig.test.ts', cases: 4, of: ['test_cases'] },
  'bips/bip-0327_sig_agg.json': { by: 'spec/musig.test.ts', cases: 5, of: ['valid_test_cases', 'error_test_cases'] },
  'bips/bip-0327_sign_verify.json': { by: 'spec/musig.test.ts', cases: 17, of: ['valid_test_cases', 'sign_error_test_cases', 'verify_fail_test_cases', 'verify_error_test_cases'] },
  'bips/bip-0327_tweak.json': { by: 'spec/musig.test.ts', cases: 6, of: ['valid_test_cases', 'error_test_cases'] },
  'bips/bip-0328_vectors.json': { by: 'spec/musig.test.ts', cases: 3 },
  'bips/bip-0340_test-vectors.csv': { by: 'spec/bip340.test.ts', cases: 19, except: '4 messages that have not 32 bytes: Bitcoin signs hashes only' },
  'bips/bip-0341_wallet-test-vectors.json': { sameAs: 'core/bip341_wallet_vectors.json' },
  'bips/bip-0352_send_and_receive_test_vectors.json': SILENT,
  'bips/bip-0374_test_vectors_generate_proof.csv': SILENT,
  'bips/bip-0374_test_vectors_verify_proof.csv': SILENT,
  'bips/bip-0375_bip375_test_vectors.json': SILENT,
  'bip21/bitcoinjs-bip21.json': 'URIs (BIP21) are read by Core’s graphical wallet only; a node has no use of them.',
  'bip32/bitcoinjs-bip32.json': { by: 'spec/keys.test.ts', cases: 18, of: ['valid', 'invalid.fromBase58'], except: `1 of another coin, 1 that begins with a private key without chain; ${LIBRARY}` },
  'bip39/trezor-vectors.json.gz': { by: 'spec/keys.test.ts', cases: 24, of: ['english'], except: 'other languages: mnemonics are made and read in English' },
  'bip69/bip69.json': 'An order of inputs and outputs that Core does not use: it shuffles them.',
  'bech32/bitcoinjs-bech32.json': { by: 'spec/keys.test.ts', cases: 53, of: ['bech32.valid', 'bech32.invalid', 'bech32m.valid', 'bech32m.invalid'], except: '2 longer than 90 characters, which no address is; 10 of encoding that library’s own arguments' },
  'descriptors/bcoin-desc-addresses.json': { by: 'spec/descriptors.test.ts', cases: 54, of: ['multisig', 'sh', 'combo', 'wsh', 'wpkh', 'pkh', 'pk', 'raw', 'addr'] },
  'descriptors/bcoin-desc-invalid.json': { by: 'spec/descriptors.test.ts', cases: 40 },
  'descriptors/bcoin-desc-privatekeys.json': { by: 'spec/descriptors.test.ts', cases: 5 },
  'descriptors/bcoin-desc-valid.json': { by: 'spec/descriptors.test.ts', cases: 57, of: ['pk', 'pkh', 'combo', 'raw', 'sh', 'wpkh', 'wsh', 'multisig', 'addr'] },
  'bitcoinjs/address.json': { by: 'spec/bitcoinjs-payments.test.ts', cases: 61, of: ['standard', 'bech32', 'invalid.bech32', 'invalid.fromBase58Check', 'invalid.fromOutputScript', 'invalid.toOutputScript'] },
  'bitcoinjs/p2sh.json': { by: 'spec/bitcoinjs-payments.test.ts', cases: 38, of: ['valid', 'invalid'], except: `${LIBRARY}: 21 invalid and all dynamic` },
  'bitcoinjs/p2wsh.json': { by: 'spec/bitcoinjs-payments.test.ts', cases: 33, of: ['valid', 'invalid'], except: `${LIBRARY}: 18 invalid and all dynamic` },
  'bitcoinjs/p2tr.json': { by: 'spec/bitcoinjs-payments.test.ts', cases: 58, of: ['valid', 'invalid'], except: `${LIBRARY}: 24 invalid and all dynamic` },
  'bitcoinjs/psbt.json.gz': { by: 'spec/psbt.test.ts', cases: 51, of: ['bip174.valid', 'bip174.invalid', 'bip174.failSignChecks', 'bip174.signer', 'bip174.combiner', 'bip174.finalizer', 'bip174.extractor', 'finalizeAllInputs'], except: LIBRARY },
  'bitcoinjs/script.json': { by: 'spec/bitcoinjs-script.test.ts', cases: 51, of: ['valid', 'valid2', 'invalid.decompile'], except: LIBRARY },
  'bitcoinjs/script_number.json': { by: 'spec/bitcoinjs-script.test.ts', cases: 54 },
  'bitcoinjs/signature.json': { by: 'spec/bitcoinjs-script.test.ts', cases: 24, of: ['valid', 'invalid'] },
  'bitcoinjs/transaction.json': { by: 'spec/bitcoinjs-script.test.ts', cases: 33, of: ['valid', 'hashForSignature', 'hashForWitnessV0'], except: LIBRARY },
  'secp256k1/wycheproof-ecdsa-bitcoin.json.gz': { by: 'spec/secp256k1.test.ts', cases: 463, of: ['testGroups.tests'] },
  'secp256k1/wycheproof-ecdh.json.gz': 'A shared secret of two plain public keys: BIP324’s is made of encoded x coordinates, and has vectors of its own.',
  'secp256k1/tiny-ecdsa.json.gz': { by: 'spec/secp256k1.test.ts', cases: 2049, of: ['valid', 'invalid.sign', 'invalid.verify'], except: 'recovering keys from signatures, which Core does for signed messages only' },
  'secp256k1/tiny-points.json.gz': { by: 'spec/secp256k1.test.ts', cases: 2314, of: ['valid.isPoint', 'valid.pointAddScalar', 'valid.pointCompress', 'valid.pointFromScalar'], except: 'operations that no caller here needs' },
  'taproot-script-assets/assets-btcd.json.gz': { by: 'spec/taproot.test.ts', cases: 2760 },
  'crypto/wycheproof-siphash_2_4.json': { by: 'spec/hashes.test.ts', cases: 40, of: ['testGroups.tests'] },
  'crypto/wycheproof-hmac_sha512.json': { by: 'spec/hashes.test.ts', cases: 174, of: ['testGroups.tests'] },
  'crypto/wycheproof-hmac_sha256.json': { by: 'spec/hashes.test.ts', cases: 174, of: ['testGroups.tests'] },
  'crypto/wycheproof-hkdf_sha256.json': { by: 'spec/more-vectors.test.ts', cases: 86, of: ['testGroups.tests'] },
  'crypto/wycheproof-chacha20_poly1305.json.gz': { by: 'spec/more-vectors.test.ts', cases: 325, of: ['testGroups.tests'] },
  'crypto/nist-SHA256ShortMsg.rsp': { by: 'spec/hashes.test.ts', cases: 65 },
  'crypto/nist-SHA256LongMsg.rsp.gz': { by: 'spec/hashes.test.ts', cases: 64 },
  'crypto/nist-SHA1ShortMsg.rsp': { by: 'spec/hashes.test.ts', cases: 65 },
  'crypto/nist-SHA512ShortMsg.rsp': { by: 'spec/hashes.test.ts', cases: 129 },
  'fuzz/bitcoinfuzz.jsonl.gz': { by: 'spec/fuzz-inputs.test.ts', cases: 8272 },
  'fuzz/kernel-qa-assets.jsonl.gz': { by: 'spec/fuzz-inputs.test.ts', cases: 155 },
  'p2p/bitcore-messages.json.gz': { by: 'spec/wire-vectors.test.ts', cases: 21 },
  'p2p/compact426884.raw': { by: 'unit/p2p/compact-block.test.ts', cases: 1 },
  'p2p/compact898352.raw': { by: 'unit/p2p/compact-block.test.ts', cases: 1 },
  'p2p/test3-898352.blk': { by: 'unit/p2p/compact-block.test.ts', cases: 1 },
  'p2p/merkle300025.raw': { by: 'unit/p2p/peer-filters.test.ts', cases: 1 },
  'p2p/merkle300025-extended.raw': { by: 'spec/more-vectors.test.ts', cases: 1 },
  'p2p/merkle_block.hex': { by: 'unit/p2p/peer-filters.test.ts', cases: 1 },
  'p2p/block_13b8a.hex': { by: 'unit/p2p/peer-filters.test.ts', cases: 1 },
}; // biome-ignore format: a table

const TEST_FOLDER = new URL('..', import.meta.url).pathname;

function linesOf(file: string): string[] {
  return readShared(`vectors/${file}`).toString('latin1').trim().split(/\r?\n/);
}

/** Length of a list or number of members; through lists of objects, the sum. */
function sizeOf(value: unknown, steps: readonly string[]): number {
  if (steps.length === 0) return Array.isArray(value) ? value.length : Object.keys(value as object).length;
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + sizeOf(each, steps), 0);
  return sizeOf((value as Record<string, unknown>)[steps[0]!], steps.slice(1));
}

function casesIn(file: string, { of }: Used): number {
  const name = file.replace(/\.gz$/, '');
  switch (path.extname(name)) {
    case '.json': {
      const content = readSharedJson<unknown>(`vectors/${file}`);
      if (of !== undefined) return of.reduce((sum, part) => sum + sizeOf(content, part.split('.')), 0);
      if (!Array.isArray(content)) return sizeOf(content, []);
      // Rows of one text are comments, as is the first one that names the columns.
      return file.startsWith('core/') && Array.isArray(content[0])
        ? content.filter(row => (row as unknown[]).length > 1 || file.includes('key_io_invalid')).length
        : content.length;
    }
    case '.csv':
      return linesOf(file).length - 1;
    case '.rsp':
      return linesOf(file).filter(line => line.startsWith('MD = ')).length;
    case '.txt':
    case '.jsonl':
      return linesOf(file).length;
    default:
      return 1;
  }
}

describeShared('published vectors', () => {
  const listed = readSharedJson<{ file: string }[]>('vectors/manifest.json').map(({ file }) => file);

  test('every file of the manifest has a row, and every row a file', () => {
    expect(Object.keys(FILES).sort()).toEqual([...listed].sort());
    expect(listed.length).toBe(81);
  });

  test.each(Object.entries(FILES))('%s', (file, row) => {
    if (typeof row === 'string') {
      expect(row.length, 'a reason').toBeGreaterThan(20);
      return;
    }
    if ('sameAs' in row) {
      expect(linesOf(file)).toEqual(linesOf(row.sameAs));
      return;
    }
    expect(casesIn(file, row)).toBe(row.cases);
    const source = path.join(TEST_FOLDER, row.by);
    expect(existsSync(source), source).toBe(true);
    // The name may be put together from parts there, so the last part is what is looked for.
    const stem = path
      .basename(file)
      .replace(/\.jsonl\.gz$/, '')
      .replace(/^bip-0327_(\w+)\.json$/, '$1')
      .replace(/^(p2\w+h|p2tr)\.json$/, '$1');
    expect(readFileSync(source, 'utf8')).toContain(stem);
  });
});
