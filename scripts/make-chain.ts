/**
 * Makes a signed regtest chain as a file that nodes load (`-loadblock`, `bin/node import`), for measuring.
 *
 *   node dist/scripts/make-chain.js FILE [--inputs N] [--height H] [--empty N] [--seed N] [--kinds A,B] [--one-bad]
 */
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { hashToHex } from '../src/base/bytes.ts';
import { framed, makeChain } from './make-chain/chain.ts';
import type { OwnerKind } from './make-chain/owners.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string', default: '100000' },
    height: { type: 'string', default: '150' },
    empty: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    kinds: { type: 'string', default: 'p2wpkh,p2pkh,p2wsh-multisig,p2tr-key,p2tr-script' },
    'one-bad': { type: 'boolean', default: false },
  },
});
const [file] = positionals;
if (file === undefined) {
  process.stderr.write('Error: make-chain needs the name of the file to write\n');
  process.exit(1);
}
const out = fs.openSync(file, 'w');
const made = makeChain(
  {
    seed: Number(values.seed),
    inputs: Number(values.inputs),
    kinds: values.kinds.split(',') as OwnerKind[],
    height: Number(values.height),
    emptyBlocks: Number(values.empty),
    signatures: values['one-bad'] ? 'one bad' : 'good',
  },
  block => fs.writeSync(out, framed(block)),
);
fs.closeSync(out);
process.stdout.write(`height=${made.height} inputs=${made.inputs} tip=${hashToHex(made.tipHash)}\n`);
