/** Signing a transaction made by hand with the wallet's keys (Core: signrawtransactionwithwallet). */
import { SIGHASH_DEFAULT } from '../../../script/encoding.ts';
import {
  addPrevTxs,
  hashTypeParam,
  prevTxsParam,
  signResultDoc,
  signToJson,
  spendableOutputs,
  toHashType,
  toTransaction,
} from '../../raw-signing.ts';
import { NEEDS_PASSPHRASE, requireUnlocked, walletMethod } from './common.ts';

export const signrawtransactionwithwallet = walletMethod({
  name: 'signrawtransactionwithwallet',
  description:
    'Signs the inputs of a transaction that are of this wallet. What the inputs spend is looked up in the chain\n' +
    `and the mempool; what is in neither can be given.\n${NEEDS_PASSPHRASE}`,
  params: [
    { name: 'hexstring', type: 'string', doc: 'The encoded transaction' },
    prevTxsParam,
    hashTypeParam,
  ],
  results: [signResultDoc],
  examples: [['myhex']],
  runs: 'freely',
  async run(wallet, args, host) {
    const tx = toTransaction(args.string('hexstring'));
    requireUnlocked(wallet);
    const outputs = await spendableOutputs(host.node, tx);
    addPrevTxs(args.has('prevtxs') ? args.array('prevtxs') : [], outputs, undefined);
    const hashType = toHashType(args.get('sighashtype')) ?? SIGHASH_DEFAULT;
    const scripts = [...outputs.values()].map(({ scriptPubKey }) => scriptPubKey);
    const { verifier } = host.spendContext(wallet);
    return signToJson({ tx, outputs, provider: wallet.keys.providerFor(scripts), hashType, verifier });
  },
});
