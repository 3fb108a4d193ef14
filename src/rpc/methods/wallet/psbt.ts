/** PSBTs with the wallet's coins and keys (Core: wallet/rpc/spend.cpp). */
import { bytesToHex } from '../../../base/bytes.ts';
import { createPsbt } from '../../../psbt/psbt.ts';
import { extractTransaction } from '../../../psbt/sign.ts';
import { fillPsbt } from '../../../wallet/psbt.ts';
import { amount, expectType, ParsedObject } from '../../json.ts';
import { answeringPsbt, psbtToText, toPsbt, toPsbtVersion } from '../../psbt-argument.ts';
import { hashTypeParam, toHashType } from '../../raw-signing.ts';
import { res } from '../../result-doc.ts';
import { createParams, lockTimeOf, toInputs, toOutputs } from '../rawtransactions/create.ts';
import { psbtParam, psbtVersionParam } from '../rawtransactions/psbt.ts';
import { NEEDS_PASSPHRASE, requireUnlocked, walletMethod } from './common.ts';
import { fund, fundInputsParam, fundParams, fundTailParams, weightsInInputs } from './fund.ts';

const derivationsParam = {
  name: 'bip32derivs',
  type: 'boolean',
  default: true,
  doc: 'Whether the paths of public keys are added',
} as const;

export const walletprocesspsbt = walletMethod({
  name: 'walletprocesspsbt',
  description: `Adds to a PSBT what the wallet knows of its inputs and outputs, and signs what it can.\n${NEEDS_PASSPHRASE}`,
  params: [
    psbtParam,
    {
      name: 'sign',
      type: 'boolean',
      default: true,
      doc: 'Whether it is signed; the wallet must be unlocked then.',
    },
    hashTypeParam,
    derivationsParam,
    { name: 'finalize', type: 'boolean', default: true, doc: 'Whether complete inputs are finalized' },
  ],
  results: [
    res.object('', '', [
      res.string('psbt', 'the PSBT in base64'),
      res.boolean('complete', 'whether it has all signatures'),
      res.hex('hex?', 'the encoded transaction, if it is complete'),
    ]),
  ],
  examples: [['psbt']],
  runs: 'freely',
  run(wallet, args, host) {
    const psbt = toPsbt(args.string('psbt'));
    const hashType = toHashType(args.get('sighashtype'));
    const signs = args.boolean('sign');
    if (signs) requireUnlocked(wallet);
    const { verifier } = host.spendContext(wallet);
    return answeringPsbt(() => {
      const filled = fillPsbt(
        wallet,
        psbt,
        {
          role: signs ? 'signer' : 'updater',
          hashType,
          finalize: args.boolean('finalize'),
          origins: args.boolean('bip32derivs') ? 'shown' : 'hidden',
        },
        verifier,
      );
      const tx = filled.isComplete ? extractTransaction(filled.psbt, verifier) : undefined;
      return {
        psbt: psbtToText(filled.psbt),
        complete: filled.isComplete,
        hex: tx && bytesToHex(tx.raw),
      };
    });
  },
});

export const walletcreatefundedpsbt = walletMethod({
  name: 'walletcreatefundedpsbt',
  description:
    'Makes a PSBT that pays to addresses and that the wallet pays for: the roles of creator and updater.\n' +
    'It is not signed; walletprocesspsbt does that.',
  params: [
    fundInputsParam,
    createParams[1]!,
    createParams[2]!,
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      oneLine: 'options',
      fields: [...fundParams, ...fundTailParams],
    },
    derivationsParam,
    createParams[4]!,
    psbtVersionParam,
  ],
  results: [
    res.object('', '', [
      res.string('psbt', 'the PSBT in base64'),
      res.amount('fee', 'the fee in BTC'),
      res.number('changepos', 'the index of the change, or -1'),
    ]),
  ],
  examples: [[[], [{ data: '00010203' }]]],
  runs: 'exclusive',
  async run(wallet, args, host) {
    const options = args.options('options');
    const isReplaceable = options.optionalBoolean('replaceable') ?? wallet.options.signalsRbf;
    const lockTime = lockTimeOf(args);
    const given = args.has('inputs') ? args.array('inputs') : [];
    const inputs = toInputs(given, isReplaceable, lockTime);
    const outputs = toOutputs(args.get('outputs'), host.node.chain.params);
    const plan = await fund(wallet, host, {
      inputs,
      outputs,
      lockTime,
      version: args.integer('version', 'u32'),
      feeRates: 'any',
      addsInputs: 'withoutInputs',
      inputWeights: weightsInInputs(given, args.has('options') ? args.object('options') : undefined),
      options: args.has('options') ? expectType(args.get('options'), 'object') : new ParsedObject([]),
      args: options,
    });
    const psbt = createPsbt(plan.tx, toPsbtVersion(args));
    const { verifier } = host.spendContext(wallet);
    const origins = args.boolean('bip32derivs') ? 'shown' : 'hidden';
    return answeringPsbt(() => {
      const filled = fillPsbt(
        wallet,
        psbt,
        { role: 'updater', hashType: undefined, finalize: true, origins },
        verifier,
      );
      return {
        psbt: psbtToText(filled.psbt),
        fee: amount(plan.fee),
        changepos: plan.changePosition ?? -1,
      };
    });
  },
});
