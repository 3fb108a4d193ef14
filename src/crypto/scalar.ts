/** Numbers of secp256k1 (SEC 2) as bigint, and their 32 bytes, big endian. */

/** The order of the group: scalars, private keys, r and s are below it. */
export const CURVE_ORDER = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;
/** The size of the field: coordinates are below it. */
export const FIELD_SIZE = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_ffff_fc2fn;

/** Reads 32 bytes from `at`. */
export function readScalar(bytes: Uint8Array, at = 0): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 32);
  return (
    (((((view.getBigUint64(0) << 64n) | view.getBigUint64(8)) << 64n) | view.getBigUint64(16)) << 64n) |
    view.getBigUint64(24)
  );
}

/** Writes `value` (0 … 2^256 − 1) as 32 bytes at `at`. */
export function writeScalar(value: bigint, bytes: Uint8Array, at = 0): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 32);
  view.setBigUint64(24, BigInt.asUintN(64, value));
  view.setBigUint64(16, BigInt.asUintN(64, value >> 64n));
  view.setBigUint64(8, BigInt.asUintN(64, value >> 128n));
  view.setBigUint64(0, BigInt.asUintN(64, value >> 192n));
}

export function scalarToBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  writeScalar(value, bytes);
  return bytes;
}

/** The residue of `value` in 0 … n − 1. */
export function modOrder(value: bigint): bigint {
  const rest = value % CURVE_ORDER;
  return rest < 0n ? rest + CURVE_ORDER : rest;
}
