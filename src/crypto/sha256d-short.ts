/**
 * SHA256(SHA256()) of what fits into one block, with its padding: in JavaScript, because what little there is to hash takes
 * OpenSSL less time than to be called. Source: FIPS 180-4.
 */

/** Bytes that leave room for the padding: a bit and their number. */
export const ONE_BLOCK_BYTES_MAX = 55;

const BLOCK_WORDS = 16;
const ROUNDS = 64;
const HASH_WORDS = 8;
const HASH_BITS = 256;

/** The first 32 bits of the fractions of square roots of the first 8 primes. */
const START = Int32Array.of(
  0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
); // biome-ignore format: a table
/** And of cube roots of the first 64. */
const CONSTANTS = Int32Array.of(
  0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
  0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
  0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
  0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
  0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
  0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
  0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
  0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
); // biome-ignore format: a table

/** The block, and what comes of it for each round. */
const words = new Int32Array(ROUNDS);
const state = new Int32Array(HASH_WORDS);

/** The first word of the hash, its bytes as they come. `bytes`: ONE_BLOCK_BYTES_MAX at most. */
export function sha256dFirstWord(bytes: Uint8Array): number {
  const { length } = bytes;
  words.fill(0, 0, BLOCK_WORDS);
  for (let i = 0; i < length; i += 1) words[i >> 2]! |= bytes[i]! << (24 - 8 * (i & 3));
  words[length >> 2]! |= 0x80 << (24 - 8 * (length & 3));
  words[BLOCK_WORDS - 1] = 8 * length;
  hashBlock();
  words.set(state);
  words.fill(0, HASH_WORDS, BLOCK_WORDS);
  words[HASH_WORDS] = 0x8000_0000;
  words[BLOCK_WORDS - 1] = HASH_BITS;
  hashBlock();
  return state[0]!;
}

/** Of the block in `words`, to `state`. */
function hashBlock(): void {
  for (let i = BLOCK_WORDS; i < ROUNDS; i += 1) {
    const early = words[i - 15]!;
    const late = words[i - 2]!;
    const s0 = ((early >>> 7) | (early << 25)) ^ ((early >>> 18) | (early << 14)) ^ (early >>> 3);
    const s1 = ((late >>> 17) | (late << 15)) ^ ((late >>> 19) | (late << 13)) ^ (late >>> 10);
    words[i] = (words[i - 16]! + s0 + words[i - 7]! + s1) | 0;
  }
  let a = START[0]!;
  let b = START[1]!;
  let c = START[2]!;
  let d = START[3]!;
  let e = START[4]!;
  let f = START[5]!;
  let g = START[6]!;
  let h = START[7]!;
  for (let i = 0; i < ROUNDS; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const chosen = g ^ (e & (f ^ g));
    const t1 = (h + s1 + chosen + CONSTANTS[i]! + words[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const majority = (a & b) | (c & (a | b));
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  state[0] = START[0]! + a;
  state[1] = START[1]! + b;
  state[2] = START[2]! + c;
  state[3] = START[3]! + d;
  state[4] = START[4]! + e;
  state[5] = START[5]! + f;
  state[6] = START[6]! + g;
  state[7] = START[7]! + h;
}
