/** Updating and signing PSBTs with descriptors (Core: ProcessPSBT in rpc/rawtransaction.cpp). */
import { bytesToHex } from '../../../base/bytes.ts';
import { keyOf } from '../../../chain/coin.ts';
import type { ChainParams } from '../../../consensus/params.ts';
import { loadVerifierSync } from '../../../crypto/verifier.ts';
import { isFinalInput, outPointOf, type Psbt, PsbtError } from '../../../psbt/psbt.ts';
import {
  extractTransaction,
  isAllFinal,
  psbtContext,
  type SignOptions,
  signPsbtInput,
  updateOutputs,
  withoutUnnecessaryTransactions,
} from '../../../psbt/sign.ts';
import { hiding, KeyStore, type SigningProvider } from '../../../script/signing-provider.ts';
import { solveScript, witnessProgram } from '../../../script/templates.ts';
import { descriptorObjectParams, expandObject } from '../../descriptor-objects.ts';
import type { JsonValue } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { answeringPsbt, psbtToText, toPsbt } from '../../psbt-argument.ts';
import { hashTypeParam, spendableOutputs, toHashType } from '../../raw-signing.ts';
import { res } from '../../result-doc.ts';
import { psbtParam } from './psbt.ts';

export const utxoupdatepsbt: RpcMethod<NodeFacade> = {
  name: 'utxoupdatepsbt',
  category: 'rawtransactions',
  description:
    'Adds to a PSBT what its inputs spend, from the unspent outputs and the mempool, and what descriptors tell of keys and\n' +
    'scripts of inputs and outputs.',
  params: [
    psbtParam,
    {
      name: 'descriptors',
      type: 'array',
      optional: true,
      doc: 'Descriptors',
      fields: descriptorObjectParams(''),
    },
  ],
  results: [res.string('', 'the PSBT in base64')],
  examples: [['psbt']],
  async run(node, args) {
    const provider = providerOf(args.has('descriptors') ? args.array('descriptors') : [], node.chain.params);
    const psbt = toPsbt(args.string('psbt'));
    const hidden = hiding(provider, { secrets: true, origins: false });
    return psbtToText(await processPsbt(node, psbt, hidden, { hashType: undefined, finalize: false }));
  },
};

export const descriptorprocesspsbt: RpcMethod<NodeFacade> = {
  name: 'descriptorprocesspsbt',
  category: 'rawtransactions',
  description:
    'Adds to a PSBT what its inputs spend and what descriptors tell, as utxoupdatepsbt does, and signs with the private\n' +
    'keys of the descriptors.',
  params: [
    psbtParam,
    { name: 'descriptors', type: 'array', doc: 'Descriptors', fields: descriptorObjectParams('') },
    hashTypeParam,
    {
      name: 'bip32derivs',
      type: 'boolean',
      default: true,
      doc: 'Whether the paths of public keys are added',
    },
    { name: 'finalize', type: 'boolean', default: true, doc: 'Whether complete inputs are finalized' },
  ],
  results: [
    res.object('', '', [
      res.string('psbt', 'the PSBT in base64'),
      res.boolean('complete', 'whether it has all signatures'),
      res.hex('hex?', 'the encoded transaction, if it is complete'),
    ]),
  ],
  examples: [
    ['psbt', ['descriptor1', 'descriptor2']],
    ['psbt', [{ desc: 'mydescriptor', range: 21 }]],
  ],
  async run(node, args) {
    const provider = providerOf(args.array('descriptors'), node.chain.params);
    const hashType = toHashType(args.get('sighashtype'));
    const known = hiding(provider, { secrets: false, origins: !args.boolean('bip32derivs') });
    const options = { hashType, finalize: args.boolean('finalize') };
    const psbt = await processPsbt(node, toPsbt(args.string('psbt')), known, options);
    const complete = isAllFinal(psbt);
    const tx = complete ? extractTransaction(psbt, loadVerifierSync('auto')) : undefined;
    return { psbt: psbtToText(psbt), complete, hex: tx && bytesToHex(tx.raw) };
  },
};

function providerOf(objects: readonly JsonValue[], params: ChainParams): KeyStore {
  const store = new KeyStore();
  for (const object of objects) {
    for (const { expansion, secretKeys } of expandObject(object, params)) {
      store.addExpansion(expansion, secretKeys());
    }
  }
  return store;
}

async function processPsbt(
  node: NodeFacade,
  psbt: Psbt,
  provider: SigningProvider,
  options: SignOptions,
): Promise<Psbt> {
  const verifier = loadVerifierSync('auto');
  const updated = await withSpentOutputs(node, psbt, provider);
  return answeringPsbt(() => {
    const context = psbtContext(updated, verifier);
    const inputs = updated.inputs.map((input, index) => {
      if (isFinalInput(input)) return input;
      const signed = signPsbtInput(input, index, provider, context, options);
      // Any other problem only means that there is nothing to add.
      if (signed.problem === 'sighashMismatch') throw new PsbtError('sighashMismatch');
      return signed.input;
    });
    return withoutUnnecessaryTransactions(updateOutputs({ ...updated, inputs }, provider, verifier));
  });
}

/** Whole transactions from the mempool, else outputs of witness programs from the unspent ones. */
async function withSpentOutputs(node: NodeFacade, psbt: Psbt, provider: SigningProvider): Promise<Psbt> {
  const lookedUp = psbt.inputs.filter(input => input.nonWitnessUtxo === undefined);
  const outputs = await spendableOutputs(node, {
    inputs: lookedUp.map(input => ({
      prevout: outPointOf(input),
      scriptSig: new Uint8Array(0),
      sequence: 0,
      witness: [],
    })),
  });
  const inputs = psbt.inputs.map(input => {
    if (input.nonWitnessUtxo !== undefined) return input;
    const outPoint = outPointOf(input);
    const tx = node.mempool.get(outPoint.txid)?.tx;
    if (tx !== undefined) return { ...input, nonWitnessUtxo: tx };
    const output = outputs.get(keyOf(outPoint));
    if (output === undefined || !isSegwit(output.scriptPubKey, provider)) return input;
    return { ...input, witnessUtxo: output };
  });
  return { ...psbt, inputs };
}

/** A witness program, or P2SH of one that is known (Core: IsSegWitOutput). */
function isSegwit(scriptPubKey: Uint8Array, provider: SigningProvider): boolean {
  if (witnessProgram(scriptPubKey) !== undefined) return true;
  const template = solveScript(scriptPubKey);
  const redeemScript = template.type === 'scripthash' ? provider.scriptOf(template.hash) : undefined;
  return redeemScript !== undefined && witnessProgram(redeemScript) !== undefined;
}
