/** The extended key of an aggregate: with a fixed chain code, so that children can be derived of it (BIP328). */
import { hexToBytes } from '../base/bytes.ts';
import type { ExtendedPublicKey } from '../crypto/bip32.ts';

/** SHA256 of 'MuSig2MuSig2MuSig2'. */
const CHAIN_CODE = hexToBytes('868087ca02a6f974c4598924c36b57762d32cb45717167e300622c7167e38965');

export function musigExtendedKey(aggregateKey: Uint8Array): ExtendedPublicKey {
  return {
    depth: 0,
    parentFingerprint: new Uint8Array(4),
    childNumber: 0,
    chainCode: CHAIN_CODE,
    publicKey: aggregateKey,
  };
}
