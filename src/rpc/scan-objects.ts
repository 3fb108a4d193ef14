/** The arguments that searches for descriptors have in common (Core: rpc/blockchain.cpp). */
import { bytesToBinary } from '../base/bytes.ts';
import type { ChainParams } from '../consensus/params.ts';
import { descriptorObjectParams, expandObject } from './descriptor-objects.ts';
import type { JsonValue } from './json.ts';
import type { Param } from './param.ts';

export const scanActionParam: Param = {
  name: 'action',
  type: 'string',
  doc: '"start" scans, "abort" ends the running scan, "status" tells how far it is.',
};

export const scanObjectsParam: Param = {
  name: 'scanobjects',
  type: 'array',
  optional: true,
  oneLine: '[scanobjects,...]',
  doc: 'What to look for; needed to start.',
  fields: descriptorObjectParams('descriptor'),
};

/** The scripts of all `objects`, as binary strings. Throws RpcError. */
export function scriptsOf(objects: readonly JsonValue[], params: ChainParams): Set<string> {
  const expansions = objects.flatMap(object => expandObject(object, params));
  return new Set(expansions.flatMap(({ expansion }) => expansion.scripts.map(bytesToBinary)));
}
