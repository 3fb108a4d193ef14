/**
 * The first block of a chain from its fields: one coinbase, in the shape of the block of 3 January 2009 (Core:
 * kernel/chainparams.cpp, CreateGenesisBlock).
 */
import { concatBytes, textToBytes, ZERO_HASH } from '../base/bytes.ts';
import { pushData } from '../script/opcodes.ts';
import { type Block, createBlock, createHeader } from '../wire/block.ts';
import { createTransaction, NULL_INDEX, SEQUENCE_FINAL } from '../wire/transaction.ts';
import { blockMerkleRoot } from './merkle.ts';

/** Pushes of 486604799 (the bits of 2009) and 4, which begin the coinbase's script on every chain. */
const SCRIPT_HEAD = Uint8Array.of(0x04, 0xff, 0xff, 0x00, 0x1d, 0x01, 0x04);

export interface GenesisFields {
  /** UTF-8, at most 91 bytes: what is left of a coinbase's hundred. */
  readonly message: string;
  readonly time: number;
  /** The target in compact form. */
  readonly bits: number;
  readonly nonce: number;
  readonly version: number;
  /** Satoshi. Nobody can spend them: they were never in the coins. */
  readonly reward: number;
  readonly outputScript: Uint8Array;
}

export function genesisBlock(fields: GenesisFields): Block {
  const coinbase = createTransaction({
    version: 1,
    inputs: [
      {
        prevout: { txid: ZERO_HASH, index: NULL_INDEX },
        scriptSig: concatBytes(SCRIPT_HEAD, pushData(textToBytes(fields.message))),
        sequence: SEQUENCE_FINAL,
        witness: [],
      },
    ],
    outputs: [{ value: fields.reward, scriptPubKey: fields.outputScript }],
    lockTime: 0,
  });
  const { version, time, bits, nonce } = fields;
  const merkleRoot = blockMerkleRoot({ transactions: [coinbase] }).root;
  const header = createHeader({ version, prevHash: ZERO_HASH, merkleRoot, time, bits, nonce });
  return createBlock(header, [coinbase]);
}
