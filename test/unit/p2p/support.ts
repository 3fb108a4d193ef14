/** What several tests of p2p need: addresses from text, transactions out of nothing. */
import type { Txid } from '../../../src/base/bytes.ts';
import { bytesToHash } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/crypto/sha256.ts';
import { type NetAddress, parseAddress, type TimedAddress } from '../../../src/wire/net-address.ts';
import { createTransaction, type Transaction } from '../../../src/wire/transaction.ts';

export const PUBLIC = { privateNetwork: false } as const;
export const PRIVATE = { privateNetwork: true } as const;

/** The virtual time at which tests start: any day will do. */
export const START = 1_700_000_000_000;

/** `HOST` or `HOST:PORT`; onion and i2p names are base32 of their bytes. */
export function address(text: string, port = 8333): NetAddress {
  const name = /^([a-z2-7]+)\.(onion|b32\.i2p)$/.exec(text);
  if (name) {
    const network = name[2] === 'onion' ? 'onion' : 'i2p';
    return { network, bytes: base32(name[1]!).slice(0, 32), port };
  }
  const parsed = parseAddress(text, port);
  if (!parsed) throw new Error(`Not an address: ${text}`);
  return parsed;
}

export function timed(text: string, time: number, services = 9n): TimedAddress {
  return { ...address(text), time, services };
}

function base32(text: string): Uint8Array {
  const bits = [...text].flatMap(c => {
    const value = 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(c);
    return [16, 8, 4, 2, 1].map(bit => (value & bit ? 1 : 0));
  });
  const bytes = new Uint8Array(Math.floor(bits.length / 8));
  bits.slice(0, bytes.length * 8).forEach((bit, i) => {
    bytes[i >> 3]! |= bit << (7 - (i & 7));
  });
  return bytes;
}

/** A hash that depends on `name` only. */
export function hashOf(name: string): Txid {
  return bytesToHash<Txid>(sha256(new TextEncoder().encode(name)));
}

export interface TxShape {
  readonly spends?: readonly (readonly [Txid, number])[];
  readonly inputs?: number;
  readonly witness?: boolean;
  /** Bytes of scriptPubKey. */
  readonly size?: number;
  readonly outputs?: number;
}

/** A transaction that is distinct for each `name`. */
export function makeTx(name: string, shape: TxShape = {}): Transaction {
  const spends =
    shape.spends ?? Array.from({ length: shape.inputs ?? 1 }, (_, i) => [hashOf(`${name}/${i}`), i] as const);
  return createTransaction({
    version: 2,
    inputs: spends.map(([txid, index]) => ({
      prevout: { txid, index },
      scriptSig: new TextEncoder().encode(name),
      sequence: 0xffff_ffff,
      witness: shape.witness ? [Uint8Array.of(1)] : [],
    })),
    outputs: Array.from({ length: shape.outputs ?? 1 }, () => ({
      value: 1_000,
      scriptPubKey: new Uint8Array(shape.size ?? 22),
    })),
    lockTime: 0,
  });
}
