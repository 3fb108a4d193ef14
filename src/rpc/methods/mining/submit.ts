/** Blocks and headers from outside miners (Core: rpc/mining.cpp, BIP22). */
import { hashToHex } from '../../../base/bytes.ts';
import type { ChainNotice } from '../../../chain/effects.ts';
import { Reject } from '../../../consensus/reject.ts';
import { type Block, createBlock } from '../../../wire/block.ts';
import { createTransaction } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { decodeHexBlock, decodeHexHeader } from '../../decode.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';

/** Bytes of a witness commitment's output script at least: OP_RETURN, push of 36, 0xaa21a9ed, hash (BIP141). */
const COMMITMENT_SCRIPT_BYTES_MIN = 38;
const COMMITMENT_HEAD = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

export const submitblock: RpcMethod<NodeFacade> = {
  name: 'submitblock',
  category: 'mining',
  description: 'Submits a block to this node and the network (BIP22).',
  params: [
    { name: 'hexdata', type: 'hex', doc: 'the encoded block' },
    { name: 'dummy', type: 'string', defaultHint: 'ignored', doc: 'stands here for BIP22 and is ignored' },
  ],
  results: [
    when('if the block was accepted', res.null('', '')),
    when('otherwise', res.string('', 'the reason, by BIP22')),
  ],
  examples: [['mydata']],
  async run(node, args) {
    const decoded = decodeHexBlock(args.string('hexdata'));
    if (decoded === undefined) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'Block decode failed');
    const block = withCoinbaseWitness(node, decoded);
    let verdict: Reject | 'connected' | undefined;
    const stopListening = node.blocks.onNotice(notice => {
      verdict = verdictOn(block, notice) ?? verdict;
    });
    try {
      const result = await node.blocks.submitBlock(block);
      if (result.status === 'rejected') return result.reject.text;
      if (!result.newBlock) return 'duplicate';
    } finally {
      stopListening();
    }
    if (verdict === undefined) return 'inconclusive';
    return verdict === 'connected' ? null : verdict.text;
  },
};

function verdictOn(block: Block, notice: ChainNotice): Reject | 'connected' | undefined {
  const { hash } = block.header;
  if (notice.kind === 'blockConnected' && notice.block.header.hash === hash) return 'connected';
  return notice.kind === 'blockInvalid' && notice.hash === hash ? notice.reason : undefined;
}

/** Old miners leave out the coinbase's witness, which is always 32 zero bytes (Core: UpdateUncommittedBlockStructures). */
function withCoinbaseWitness({ chain, blocks }: NodeFacade, block: Block): Block {
  const [coinbase, ...rest] = block.transactions;
  const parent = chain.headers.find(block.header.prevHash);
  if (coinbase === undefined || coinbase.hasWitness || coinbase.inputs.length === 0 || parent === undefined) {
    return block;
  }
  const commits = coinbase.outputs.some(
    ({ scriptPubKey }) =>
      scriptPubKey.length >= COMMITMENT_SCRIPT_BYTES_MIN &&
      COMMITMENT_HEAD.every((byte, i) => scriptPubKey[i] === byte),
  );
  const segwitIsActive = blocks
    .deploymentsAfter(parent)
    .some(state => state.kind === 'buried' && state.name === 'segwit' && state.active);
  if (!commits || !segwitIsActive) return block;
  const [input, ...others] = coinbase.inputs;
  const inputs = [{ ...input!, witness: [new Uint8Array(32)] }, ...others];
  const { version, outputs, lockTime } = coinbase;
  return createBlock(block.header, [createTransaction({ version, inputs, outputs, lockTime }), ...rest]);
}

export const submitheader: RpcMethod<NodeFacade> = {
  name: 'submitheader',
  category: 'mining',
  description: 'Submits a header as a candidate for the tip.\n\nAn invalid one is an error.',
  params: [{ name: 'hexdata', type: 'hex', doc: 'the encoded header' }],
  results: [res.null('', 'nothing')],
  examples: [['aabbcc']],
  async run({ chain, blocks }, args) {
    const header = decodeHexHeader(args.string('hexdata'));
    if (header === undefined) {
      throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'Block header decode failed');
    }
    if (chain.headers.find(header.prevHash) === undefined) {
      const parent = hashToHex(header.prevHash);
      throw new RpcError(RpcCode.VERIFY_ERROR, `Must submit previous header (${parent}) first`);
    }
    try {
      await blocks.submitHeader(header);
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      throw new RpcError(RpcCode.VERIFY_ERROR, error.text);
    }
    return null;
  },
};
