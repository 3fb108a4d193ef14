/** What signers of MuSig2 tell each other in a PSBT (BIP373): who takes part, their nonces and partial signatures. */
import { concatBytes } from '../base/bytes.ts';
import { isFullyValidPublicKey } from '../crypto/keys.ts';
import type { MusigParticipants } from '../script/signature-data.ts';
import { type Codec, DecodeError, Reader } from '../wire/codec.ts';
import { COMPRESSED_KEY_BYTES } from './field-kinds.ts';
import { type Field, keyed, putWithLength, requireKeySize } from './key-map.ts';

/** Bytes of a public nonce of MuSig2 (BIP327). */
const MUSIG_NONCE_BYTES = 66;

export const musigParticipants = (
  type: number,
  article: 'Input' | 'Output',
): Field<ReadonlyMap<string, MusigParticipants>> =>
  keyed<MusigParticipants>(
    type,
    {
      checkKey: key =>
        requireKeySize(`${article} MuSig2 Participants Pubkeys`, key, COMPRESSED_KEY_BYTES + 1),
      read(data, r) {
        if (!isFullyValidPublicKey(data)) {
          throw new DecodeError(`${article} musig2 aggregate pubkey is invalid`);
        }
        const value = new Reader(r.take(r.compactSize()));
        const participants: Uint8Array[] = [];
        while (value.remaining >= COMPRESSED_KEY_BYTES) {
          const participant = value.take(COMPRESSED_KEY_BYTES);
          if (!isFullyValidPublicKey(participant)) {
            throw new DecodeError(`${article} musig2 participant pubkey is invalid`);
          }
          participants.push(participant);
        }
        if (value.remaining > 0) {
          throw new DecodeError(`${article} musig2 participants pubkeys value size is not a multiple of 33`);
        }
        return participants;
      },
      write: (w, participants) => putWithLength(w, concatBytes(...participants)),
    },
    { isOpenOnly: true },
  );

/** By participant, aggregate key and leaf hash; the latter is left out where the internal key signs. */
export const musigShares = (
  type: number,
  name: string,
  value: Codec<Uint8Array>,
): Field<ReadonlyMap<string, Uint8Array>> =>
  keyed<Uint8Array>(
    type,
    {
      checkKey(key) {
        if (key.length !== 2 * COMPRESSED_KEY_BYTES + 1 && key.length !== 2 * COMPRESSED_KEY_BYTES + 33) {
          throw new DecodeError(`Input musig2 ${name} key is not expected size of 67 or 99 bytes`);
        }
      },
      read(data, r) {
        if (!isFullyValidPublicKey(data.subarray(COMPRESSED_KEY_BYTES, 2 * COMPRESSED_KEY_BYTES))) {
          throw new DecodeError('musig2 aggregate pubkey is invalid');
        }
        if (!isFullyValidPublicKey(data.subarray(0, COMPRESSED_KEY_BYTES))) {
          throw new DecodeError('musig2 participant pubkey is invalid');
        }
        return value.read(r);
      },
      write: value.write,
      order: musigShareOrder,
    },
    { isOpenOnly: true },
  );

export const musigNonce: Codec<Uint8Array> = {
  read(r) {
    const nonce = r.take(r.compactSize());
    if (nonce.length !== MUSIG_NONCE_BYTES)
      throw new DecodeError('Input musig2 pubnonce value is not 66 bytes');
    return nonce;
  },
  write: putWithLength,
};

/** By aggregate key and leaf hash, then participant. */
export function musigShareOrder(_share: Uint8Array, data: string): string {
  const aggregate = data.slice(COMPRESSED_KEY_BYTES).padEnd(COMPRESSED_KEY_BYTES + 32, '\0');
  return aggregate + data.slice(0, COMPRESSED_KEY_BYTES);
}
