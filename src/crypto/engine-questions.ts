/**
 * Questions whose answers are known, for an engine that is not part of this program: before its verdicts are consensus
 * it has to say yes and no where it must. The key is that of BIP340's test vector 1, as are the Schnorr signatures
 * (vectors 1, 5, 6, 8); the ECDSA signature is RFC 6979's for the same key and message; the tweaked key is the first of BIP341's wallet vectors.
 */
import { hexToBytes } from '../base/bytes.ts';

/** What is asked; the shapes are those of `system.ts`. */
export interface Answers {
  verifyCompact(compact: Uint8Array, hash32: Uint8Array, publicKey: Uint8Array): boolean;
  verifySchnorr(message32: Uint8Array, signature64: Uint8Array, xOnlyKey32: Uint8Array): boolean;
  checkTweak(outputKey32: Uint8Array, parity: number, xOnlyKey32: Uint8Array, tweak32: Uint8Array): boolean;
}

const X = 'dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659';
const Y = '2ce19b946c4ee58546f5251d441a065ea50735606985e5b228788bec4e582898';
const MESSAGE = '243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89';
const OTHER_MESSAGE = `00${MESSAGE.slice(2)}`;
const NOT_AN_X = 'eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34';

const R = 'b205a970e2fed06001bcd3864ce7a2c63291b531525d693dc2deeb92c91627de';
const S = '5c0cccd156282e5a477cd3541e210f4eb65eb3549b9f63725f92432f084dfed0';
const OTHER_S = `5d${S.slice(2)}`;

/** Key, signature, message, verdict. */
const ECDSA: readonly (readonly [string, string, string, boolean])[] = [
  [`02${X}`, R + S, MESSAGE, true],
  [`04${X}${Y}`, R + S, MESSAGE, true],
  // A hybrid key, whose first byte repeats the parity of y.
  [`06${X}${Y}`, R + S, MESSAGE, true],
  [`07${X}${Y}`, R + S, MESSAGE, false],
  [`03${X}`, R + S, MESSAGE, false],
  [`02${NOT_AN_X}`, R + S, MESSAGE, false],
  [`02${X}`, R + OTHER_S, MESSAGE, false],
  [`02${X}`, S + R, MESSAGE, false],
  [`02${X}`, R + S, OTHER_MESSAGE, false],
];

const SCHNORR: readonly (readonly [string, string, string, boolean])[] = [
  [
    X,
    '6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a',
    MESSAGE,
    true,
  ],
  [
    X,
    '6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a',
    OTHER_MESSAGE,
    false,
  ],
  // The key is no x of the curve; y of R is odd; s is negated.
  [
    NOT_AN_X,
    '6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e17776969e89b4c5564d00349106b8497785dd7d1d713a8ae82b32fa79d5f7fc407d39b',
    MESSAGE,
    false,
  ],
  [
    X,
    'fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a14602975563cc27944640ac607cd107ae10923d9ef7a73c643e166be5ebeafa34b1ac553e2',
    MESSAGE,
    false,
  ],
  [
    X,
    '6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e177769961764b3aa9b2ffcb6ef947b6887a226e8d7c93e00c5ed0c1834ff0d0c2e6da6',
    MESSAGE,
    false,
  ],
];

const TWEAKED = '53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343';
const INTERNAL = 'd6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d';
const TWEAK = 'b86e7be8f39bab32a6f2c0443abbc210f0edac0e2c53d501b36b64437d9c6c70';

/** Output key, its parity, internal key, tweak, verdict. */
const TWEAKS: readonly (readonly [string, number, string, string, boolean])[] = [
  [TWEAKED, 1, INTERNAL, TWEAK, true],
  [TWEAKED, 0, INTERNAL, TWEAK, false],
  [INTERNAL, 1, INTERNAL, TWEAK, false],
  [TWEAKED, 1, X, TWEAK, false],
  [TWEAKED, 1, INTERNAL, MESSAGE, false],
  [TWEAKED, 1, NOT_AN_X, TWEAK, false],
  // A tweak must be below the order of the curve.
  [TWEAKED, 1, INTERNAL, 'ff'.repeat(32), false],
];

/** Whether all verdicts are right. Half a millisecond. */
export function answersRightly(engine: Answers): boolean {
  return (
    ECDSA.every(
      ([key, signature, message, verdict]) =>
        engine.verifyCompact(hexToBytes(signature), hexToBytes(message), hexToBytes(key)) === verdict,
    ) &&
    SCHNORR.every(
      ([key, signature, message, verdict]) =>
        engine.verifySchnorr(hexToBytes(message), hexToBytes(signature), hexToBytes(key)) === verdict,
    ) &&
    TWEAKS.every(
      ([output, parity, internal, tweak, verdict]) =>
        engine.checkTweak(hexToBytes(output), parity, hexToBytes(internal), hexToBytes(tweak)) === verdict,
    )
  );
}
