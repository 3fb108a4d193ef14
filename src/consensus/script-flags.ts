/** Which script rules hold in a block (Core: GetBlockScriptFlags in validation.cpp). */
import type { BlockHash } from '../base/bytes.ts';
import { SCRIPT_FLAGS } from '../script/flags.ts';
import type { ChainParams } from './params.ts';

/**
 * P2SH, witness and taproot rules hold from genesis on, since a single block each broke them before they were voted
 * in; those are listed. The others hold from their buried heights.
 */
export function blockScriptFlags(
  { buried, scriptFlagExceptions }: Pick<ChainParams, 'buried' | 'scriptFlagExceptions'>,
  height: number,
  hash: BlockHash,
): number {
  let flags: number = SCRIPT_FLAGS.P2SH | SCRIPT_FLAGS.WITNESS | SCRIPT_FLAGS.TAPROOT;
  const exception = scriptFlagExceptions.get(hash);
  if (exception !== undefined) flags = exception.reduce((sum, name) => sum | SCRIPT_FLAGS[name], 0);
  if (height >= buried.bip66) flags |= SCRIPT_FLAGS.DERSIG;
  if (height >= buried.bip65) flags |= SCRIPT_FLAGS.CHECKLOCKTIMEVERIFY;
  if (height >= buried.csv) flags |= SCRIPT_FLAGS.CHECKSEQUENCEVERIFY;
  if (height >= buried.segwit) flags |= SCRIPT_FLAGS.NULLDUMMY;
  return flags;
}
