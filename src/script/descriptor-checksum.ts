/**
 * The eight characters after '#' that protect a descriptor (Core: src/script/descriptor.cpp, BIP380): a code over
 * GF(32) that tells any three wrong characters, and four up to 507 characters.
 */

/** A descriptor that cannot be read; the message is Core's. */
export class DescriptorError extends Error {
  override readonly name = 'DescriptorError';
}

const CHECKSUM_LENGTH = 8;
/** Three groups of 32: what stands unprotected in descriptors comes first; a change of case keeps the place in the group. */
const INPUT_CHARSET =
  "0123456789()[],'/*abcdefgh@:$%{}" +
  'IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~' +
  'ijklmnopqrstuvwxyzABCDEFGH`#"\\ ';
const CHECKSUM_CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
/** By character code; -1 for what is outside the alphabet. */
const PLACES = new Int8Array(128).fill(-1);
for (const [place, character] of [...INPUT_CHARSET].entries()) PLACES[character.charCodeAt(0)] = place;
/** The generator times 0 to 31, made of 1, 2, 4, 8 and 16 times; 40 bits as two halves of 20. */
const GENERATOR_HIGH = multiples([0xf5dee, 0xa9fdc, 0x1bab1, 0x3706b, 0x644d6]);
const GENERATOR_LOW = multiples([0x51989, 0xa3312, 0x0e32d, 0x1677a, 0x26ffd]);

function multiples(powers: readonly number[]): Int32Array {
  return Int32Array.from({ length: 32 }, (_, factor) =>
    powers.reduce((sum, power, i) => ((factor >>> i) & 1 ? sum ^ power : sum), 0),
  );
}

/** The checksum of a descriptor without one; undefined when a character is outside the alphabet. */
export function descriptorChecksum(payload: string): string | undefined {
  let high = 0;
  let low = 1;
  const feed = (symbol: number): void => {
    const top = high >>> 15;
    high = (((high & 0x7fff) << 5) | (low >>> 15)) ^ GENERATOR_HIGH[top]!;
    low = ((low & 0x7fff) << 5) ^ symbol ^ GENERATOR_LOW[top]!;
  };
  let groups = 0;
  let groupCount = 0;
  for (let i = 0; i < payload.length; i += 1) {
    const place = PLACES[payload.charCodeAt(i)] ?? -1;
    if (place < 0) return undefined;
    feed(place & 31);
    groups = groups * 3 + (place >>> 5);
    groupCount += 1;
    if (groupCount === 3) {
      feed(groups);
      groups = 0;
      groupCount = 0;
    }
  }
  if (groupCount > 0) feed(groups);
  for (let i = 0; i < CHECKSUM_LENGTH; i += 1) feed(0);
  low ^= 1;
  let checksum = '';
  for (let i = 3; i >= 0; i -= 1) checksum += CHECKSUM_CHARSET[(high >>> (5 * i)) & 31];
  for (let i = 3; i >= 0; i -= 1) checksum += CHECKSUM_CHARSET[(low >>> (5 * i)) & 31];
  return checksum;
}

/** `payload`, which has only characters of the alphabet, with its checksum. */
export function addChecksum(payload: string): string {
  return `${payload}#${descriptorChecksum(payload)}`;
}

/** `text` without its checksum, and the checksum that is right for it; throws DescriptorError. */
export function checkChecksum(
  text: string,
  options: { readonly requireChecksum: boolean },
): { readonly payload: string; readonly checksum: string } {
  const [payload, given, ...more] = text.split('#');
  if (more.length > 0) throw new DescriptorError("Multiple '#' symbols");
  if (given === undefined && options.requireChecksum) throw new DescriptorError('Missing checksum');
  if (given !== undefined) {
    const length = Buffer.byteLength(given);
    if (length !== CHECKSUM_LENGTH) {
      throw new DescriptorError(`Expected 8 character checksum, not ${length} characters`);
    }
  }
  const checksum = descriptorChecksum(payload!);
  if (checksum === undefined) throw new DescriptorError('Invalid characters in payload');
  if (given !== undefined && given !== checksum) {
    throw new DescriptorError(`Provided checksum '${given}' does not match computed checksum '${checksum}'`);
  }
  return { payload: payload!, checksum };
}
