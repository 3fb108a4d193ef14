/** Headers and what is derived from them, as results show them (Core: rpc/blockchain.cpp blockheaderToJSON). */
import { type BlockHash, hashToHex } from '../base/bytes.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import { decodeCompact } from '../consensus/pow.ts';
import { toHash } from './arguments.ts';
import { RpcCode, RpcError } from './codes.ts';
import { JsonNumber, type JsonOut, type JsonValue, toInteger } from './json.ts';
import type { ResultDoc } from './method.ts';
import { res } from './result-doc.ts';

/** Multiple of the least difficulty that the compact form knows, which is mainnet's. */
export function difficultyOf(bits: number): number {
  let difficulty = 0xffff / (bits & 0x00ff_ffff);
  for (let shift = bits >>> 24; shift < 29; shift += 1) difficulty *= 256;
  for (let shift = bits >>> 24; shift > 29; shift -= 1) difficulty /= 256;
  return difficulty;
}

export function bitsText(bits: number): string {
  return (bits >>> 0).toString(16).padStart(8, '0');
}

/** The target of valid bits: 64 hexadecimal digits. */
export function targetText(bits: number): string {
  return uint256Text(decodeCompact(bits).target);
}

export function uint256Text(value: bigint): string {
  return value.toString(16).padStart(64, '0');
}

/** The header known by `hash`; throws RpcError −5. */
export function findHeader(chain: ChainView, hash: BlockHash): HeaderId {
  const id = chain.headers.find(hash);
  if (id === undefined) throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Block not found');
  return id;
}

/** A block by hash, or of the active chain by height (Core: ParseHashOrHeight). Throws RpcError. */
export function findHeightOrHash(chain: ChainView, value: JsonValue | undefined): HeaderId {
  if (!(value instanceof JsonNumber)) return findHeader(chain, toHash(value, 'hash_or_height'));
  const height = toInteger(value);
  if (height < 0) throw invalid(`Target block height ${height} is negative`);
  const tip = chain.headers.heightOf(chain.tip());
  if (height > tip) throw invalid(`Target block height ${height} after current tip ${tip}`);
  return chain.atHeight(height)!;
}

function invalid(message: string): RpcError {
  return new RpcError(RpcCode.INVALID_PARAMETER, message);
}

/** Blocks from `id` to the tip, both counted; −1 off the active chain. */
function confirmationsOf(chain: ChainView, id: HeaderId): number {
  return chain.isActive(id) ? chain.headers.heightOf(chain.tip()) - chain.headers.heightOf(id) + 1 : -1;
}

export function headerToJson(chain: ChainView, id: HeaderId): { readonly [name: string]: JsonOut } {
  const { headers } = chain;
  const header = headers.headerOf(id);
  const height = headers.heightOf(id);
  const parent = headers.parentOf(id);
  const next = chain.isActive(id) ? chain.atHeight(height + 1) : undefined;
  return {
    hash: hashToHex(header.hash),
    confirmations: confirmationsOf(chain, id),
    height,
    version: header.version,
    versionHex: bitsText(header.version),
    merkleroot: hashToHex(header.merkleRoot),
    time: header.time,
    mediantime: headers.medianTimePastOf(id),
    nonce: header.nonce,
    bits: bitsText(header.bits),
    target: targetText(header.bits),
    difficulty: difficultyOf(header.bits),
    chainwork: uint256Text(headers.chainWorkOf(id)),
    nTx: headers.txCountOf(id),
    previousblockhash: parent === undefined ? undefined : hashToHex(headers.hashOf(parent)),
    nextblockhash: next === undefined ? undefined : hashToHex(headers.hashOf(next)),
  };
}

export const headerFields: readonly ResultDoc[] = [
  res.hex('hash', 'the hash of the block, as it was given'),
  res.number('confirmations', 'blocks from this one to the tip, or -1 off the main chain'),
  res.number('height', 'the height of the block'),
  res.number('version', 'the version of the block'),
  res.hex('versionHex', 'the version in hexadecimal'),
  res.hex('merkleroot', 'the merkle root of the transactions'),
  res.time('time', 'the time of the block in UNIX epoch time'),
  res.time('mediantime', 'the median time past in UNIX epoch time'),
  res.number('nonce', 'the nonce'),
  res.hex('bits', 'the target in compact form'),
  res.hex('target', 'the target'),
  res.number('difficulty', 'the difficulty'),
  res.hex('chainwork', 'expected number of hashes to make the chain up to this block'),
  res.number('nTx', 'the number of transactions in the block'),
  res.hex('previousblockhash?', 'the hash of the block before'),
  res.hex('nextblockhash?', 'the hash of the block after'),
];
