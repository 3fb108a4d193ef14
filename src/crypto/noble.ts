/** @noble/secp256k1 given its hash functions: the reference engine, slow and always there. */
import * as noble from '@noble/secp256k1';
import { hmacSha256 } from './hashes.ts';
import { sha256 } from './sha256.ts';

noble.hashes.sha256 = sha256 as typeof noble.hashes.sha256;
noble.hashes.hmacSha256 = hmacSha256 as typeof noble.hashes.hmacSha256;

export { noble };
