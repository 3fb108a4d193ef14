/** The unspent outputs of descriptors (Core: rpc/blockchain.cpp). */
import { bytesToBinary, bytesToHex, equalBytes, hashToHex } from '../../../base/bytes.ts';
import { hash160 } from '../../../crypto/hashes.ts';
import type { Expansion } from '../../../script/descriptor.ts';
import { inferDescriptor, type ScriptKnowledge } from '../../../script/descriptor-infer.ts';
import { exactValue } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expandObject } from '../../descriptor-objects.ts';
import { amount, type JsonOut, type JsonValue } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';
import { scanActionParam, scanObjectsParam } from '../../scan-objects.ts';

const EXAMPLE = 'raw(76a91411b366edfc0a8b66feebae5c2e25a7b6a5d1cf3188ac)#fm24fxxy';

export const scantxoutset: RpcMethod<NodeFacade> = {
  name: 'scantxoutset',
  category: 'blockchain',
  description: 'Looks through all unspent outputs for those of descriptors. One scan runs at a time.',
  params: [scanActionParam, scanObjectsParam],
  results: [
    when(
      "when action=='start'; only returns after scan completes",
      res.object('', '', [
        res.boolean('success', 'whether the scan went to the end'),
        res.number('txouts', 'how many unspent outputs were looked at'),
        res.number('height', 'the height of the tip then'),
        res.hex('bestblock', 'the hash of that block'),
        res.array('unspents', '', [
          res.object('', '', [
            res.hex('txid', 'the id of the transaction'),
            res.number('vout', 'the number of the output'),
            res.hex('scriptPubKey', 'its script'),
            res.string('desc', 'the descriptor of this script alone'),
            res.amount('amount', 'the value in BTC'),
            res.boolean('coinbase', 'whether it is of a coinbase'),
            res.number('height', 'the height of the block that made it'),
            res.hex('blockhash', 'the hash of that block'),
            res.number('confirmations', 'blocks from there to the tip'),
          ]),
        ]),
        res.amount('total_amount', 'the sum of what was found in BTC'),
      ]),
    ),
    when("when action=='abort'", res.boolean('', 'whether there was a scan to abort')),
    when(
      "when action=='status' and a scan is currently in progress",
      res.object('', '', [res.number('progress', 'percent that are done, about')]),
    ),
    when("when action=='status' and no scan is in progress - possibly already completed", res.null('', '')),
  ],
  examples: [['start', [EXAMPLE]], ['status'], ['abort']],
  async run(node, args, call) {
    const { scans } = node.coins;
    const action = args.string('action');
    switch (action) {
      case 'status':
        return scans.progress === undefined ? null : { progress: scans.progress };
      case 'abort': {
        const isRunning = scans.progress !== undefined;
        if (isRunning) scans.abort();
        return isRunning;
      }
      case 'start': {
        if (scans.progress !== undefined) {
          invalid('Scan already in progress, use action "abort" or "status"');
        }
        if (!args.isGiven('scanobjects')) {
          throw new RpcError(RpcCode.MISC_ERROR, 'scanobjects argument is required for the start action');
        }
        return await scan(node, args.array('scanobjects'), call.stopping);
      }
      default:
        return invalid(`Invalid action '${action}'`);
    }
  },
};

async function scan(
  { coins, chain }: NodeFacade,
  objects: readonly JsonValue[],
  stopping: AbortSignal,
): Promise<JsonOut> {
  const { params, headers } = chain;
  const wanted = new Map<string, ScriptKnowledge>();
  for (const object of objects) {
    const expansions = expandObject(object, params).map(({ expansion }) => expansion);
    const knowledge = knowledgeOf(expansions);
    for (const script of expansions.flatMap(expansion => expansion.scripts)) {
      const key = bytesToBinary(script);
      if (!wanted.has(key)) wanted.set(key, knowledge);
    }
  }
  const abort = () => coins.scans.abort();
  stopping.addEventListener('abort', abort);
  try {
    const { bestBlock, outputs, found, isComplete } = await coins.scans.scan(new Set(wanted.keys()));
    const tip = headers.find(bestBlock)!;
    const height = headers.heightOf(tip);
    return {
      success: isComplete,
      txouts: outputs,
      height,
      bestblock: hashToHex(bestBlock),
      unspents: found.map(({ outPoint, coin }) => ({
        txid: hashToHex(outPoint.txid),
        vout: outPoint.index,
        scriptPubKey: bytesToHex(coin.scriptPubKey),
        desc: inferDescriptor(
          coin.scriptPubKey,
          params.address,
          wanted.get(bytesToBinary(coin.scriptPubKey)),
        ),
        amount: amount(exactValue(coin)),
        coinbase: coin.isCoinbase,
        height: coin.height,
        blockhash: hashToHex(headers.hashOf(headers.ancestorOf(tip, coin.height))),
        confirmations: height - coin.height + 1,
      })),
      total_amount: amount(found.reduce((sum, { coin }) => sum + BigInt(exactValue(coin)), 0n)),
    };
  } finally {
    stopping.removeEventListener('abort', abort);
  }
}

/** Keys and scripts by their hashes, worked out when something was found. */
function knowledgeOf(expansions: readonly Expansion[]): ScriptKnowledge {
  const binaryHash = (bytes: Uint8Array) => bytesToBinary(hash160(bytes));
  const keys = once(() => expansions.flatMap(expansion => expansion.keys));
  const keysByHash = once(() => new Map(keys().map(key => [binaryHash(key.publicKey), key.publicKey])));
  const scripts = once(() => {
    const all = expansions.flatMap(({ redeemScript, witnessScript }) => [redeemScript, witnessScript]);
    return new Map(all.flatMap(script => (script === undefined ? [] : [[binaryHash(script), script]])));
  });
  // x-only keys stand as even ones, whatever they were.
  const originOf = (publicKey: Uint8Array) =>
    keys().find(key => equalBytes(key.publicKey, publicKey)) ??
    keys().find(key => equalBytes(key.publicKey.subarray(1), publicKey.subarray(1)));
  return {
    publicKeyOf: hash => keysByHash().get(bytesToBinary(hash)),
    scriptOf: hash => scripts().get(bytesToBinary(hash)),
    originOf: publicKey => originOf(publicKey)?.origin,
    internalKeyOf: outputKey =>
      expansions.find(
        ({ taproot, scripts: [script] }) =>
          taproot !== undefined &&
          taproot.merkleRoot === undefined &&
          equalBytes(script!.subarray(2), outputKey),
      )?.taproot?.internalKey,
  };
}

function once<T>(compute: () => T): () => T {
  let value: { readonly it: T } | undefined;
  return () => {
    value ??= { it: compute() };
    return value.it;
  };
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
