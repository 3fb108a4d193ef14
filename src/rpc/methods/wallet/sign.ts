/** Signing a transaction made by hand with the wallet's keys (Core: signrawtransactionwithwallet). */
import {
  hashTypeParam,
  prevTxsParam,
  signingInputs,
  signResultDoc,
  signToJson,
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
    const { outputs, hashType } = await signingInputs(host.node, tx, args);
    const scripts = [...outputs.values()].map(({ scriptPubKey }) => scriptPubKey);
    const { verifier } = host.spendContext(wallet);
    return signToJson({ tx, outputs, provider: wallet.keys.providerFor(scripts), hashType, verifier });
  },
});
