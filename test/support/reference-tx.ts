/**
 * A second decoder of transactions, written from Core's serialize.h and primitives/transaction.h and for nothing but being
 * plain: it copies as it goes, counts in bigint, and shares no code with the one that it is compared with.
 */
import { concatBytes } from '../../src/base/bytes.ts';

export interface ReferenceTx {
  readonly version: number;
  readonly inputs: readonly {
    /** 32 bytes of txid and four of index. */
    readonly prevout: Uint8Array;
    readonly script: Uint8Array;
    readonly sequence: number;
    readonly witness: readonly Uint8Array[];
  }[];
  readonly outputs: readonly { readonly value: bigint; readonly script: Uint8Array }[];
  readonly lockTime: number;
  readonly hasWitness: boolean;
  /** The encoding without witnesses. */
  readonly stripped: Uint8Array;
  /** All that was read. */
  readonly bytes: Uint8Array;
}

/** Core: MAX_SIZE. */
const SIZE_MAX = 0x0200_0000n;

class Refused extends Error {}

/** Reads one transaction from the start of `bytes`; a text that tells why there is none. `allowWitness`: Core's TX_WITH_WITNESS. */
export function referenceTx(bytes: Uint8Array, allowWitness: boolean): ReferenceTx | string {
  let at = 0;

  const take = (count: bigint): Uint8Array => {
    if (BigInt(at) + count > BigInt(bytes.length)) throw new Refused('end of data');
    const taken = bytes.slice(at, at + Number(count));
    at += taken.length;
    return taken;
  };
  const unsigned = (count: number): bigint =>
    [...take(BigInt(count))].reduce((sum, byte, i) => sum + (BigInt(byte) << BigInt(8 * i)), 0n);
  const size = (): bigint => {
    const first = unsigned(1);
    const [value, least] =
      first < 253n ? [first, 0n]
      : first === 253n ? [unsigned(2), 253n]
      : first === 254n ? [unsigned(4), 0x1_0000n]
      : [unsigned(8), 0x1_0000_0000n]; // biome-ignore format: a table
    if (value < least) throw new Refused('non-canonical');
    if (value > SIZE_MAX) throw new Refused('too large');
    return value;
  };
  const list = <T>(one: () => T): T[] => {
    const items: T[] = [];
    for (let left = size(); left > 0n; left -= 1n) items.push(one());
    return items;
  };
  const script = () => take(size());
  const input = () => ({ prevout: take(36n), script: script(), sequence: Number(unsigned(4)) });
  const output = () => ({ value: BigInt.asIntN(64, unsigned(8)), script: script() });

  try {
    const version = Number(unsigned(4));
    let body = at;
    let inputs = list(input);
    let outputs: ReturnType<typeof output>[] = [];
    let flags = 0n;
    if (inputs.length === 0 && allowWitness) {
      flags = unsigned(1);
      if (flags !== 0n) {
        body = at;
        inputs = list(input);
        outputs = list(output);
      }
    } else outputs = list(output);
    const bodyEnd = at;
    let witnesses: Uint8Array[][] = inputs.map(() => []);
    const hasWitness = (flags & 1n) === 1n;
    if (hasWitness) {
      flags ^= 1n;
      witnesses = inputs.map(() => list(script));
      if (witnesses.every(witness => witness.length === 0)) throw new Refused('superfluous');
    }
    if (flags !== 0n) throw new Refused('unknown flag');
    const lockTime = Number(unsigned(4));
    return {
      version,
      inputs: inputs.map((each, i) => ({ ...each, witness: witnesses[i]! })),
      outputs,
      lockTime,
      hasWitness,
      stripped: concatBytes(bytes.subarray(0, 4), bytes.subarray(body, bodyEnd), bytes.subarray(at - 4, at)),
      bytes: bytes.slice(0, at),
    };
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}
