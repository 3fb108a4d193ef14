/** Which engines for signatures this machine has: all of them, but the system's library only where it is installed. */
import { systemSecp256k1 } from '../../src/crypto/system.ts';
import { type SignatureVerifier, VERIFIERS } from '../../src/crypto/verifier.ts';

/** Fastest first. */
export function enginesHere(): readonly SignatureVerifier['name'][] {
  return systemSecp256k1() === undefined ? VERIFIERS.filter(name => name !== 'system') : VERIFIERS;
}
