/** `send`: pays, or gives what others have to sign yet (Core: send, FinishTransaction in wallet/rpc/spend.cpp). */
import { bytesToHex, hashToHex } from '../../../base/bytes.ts';
import { createPsbt } from '../../../psbt/psbt.ts';
import { extractTransaction, finalizePsbt } from '../../../psbt/sign.ts';
import { fillPsbt } from '../../../wallet/psbt.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import type { Arguments } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType, type JsonOut, type JsonValue, ParsedObject } from '../../json.ts';
import type { Param } from '../../param.ts';
import { answeringPsbt, psbtToText } from '../../psbt-argument.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { createParams, lockTimeOf, toInputs, toOutputs } from '../rawtransactions/create.ts';
import { walletMethod } from './common.ts';
import {
  fund,
  fundInputsParam,
  fundParams,
  fundTailParams,
  optionsOf,
  sendOnlyParams,
  weightsInInputs,
} from './fund.ts';
import { feeParams, feeRateParam } from './send.ts';

/** Names that other calls have for the same options. */
const OUTDATED: readonly (readonly [string, string])[] = [
  ['feeRate', 'Use fee_rate (sat/vB) instead of feeRate'],
  ['changeAddress', 'Use change_address instead of changeAddress'],
  ['changePosition', 'Use change_position instead of changePosition'],
  ['lockUnspents', 'Use lock_unspents instead of lockUnspents'],
  ['subtractFeeFromOutputs', 'Use subtract_fee_from_outputs instead of subtractFeeFromOutputs'],
];

const named = (from: string, to: string): Param => ({
  ...fundParams.find(({ name }) => name === from)!,
  name: to,
});
/** Where what tells the fee is an argument of the call, too. */
export function feeTailParams(params: readonly Param[]): Param[] {
  return params.map(param =>
    param.name === 'conf_target' || param.name === 'estimate_mode'
      ? { ...param, alsoPositional: true as const }
      : param,
  );
}

const optionParams: readonly Param[] = [
  ...fundParams.slice(0, 4),
  sendOnlyParams[0]!,
  named('changeAddress', 'change_address'),
  named('changePosition', 'change_position'),
  named('change_type', 'change_type'),
  { ...feeRateParam, alsoPositional: true },
  named('includeWatching', 'include_watching'),
  fundInputsParam,
  sendOnlyParams[2]!,
  named('lockUnspents', 'lock_unspents'),
  sendOnlyParams[1]!,
  named('subtractFeeFromOutputs', 'subtract_fee_from_outputs'),
  named('max_tx_weight', 'max_tx_weight'),
  ...feeTailParams(fundTailParams),
];

export const sentDocs = [
  res.object('', '', [
    res.boolean('complete', 'whether it has all signatures'),
    res.hex('txid?', 'the id of the transaction'),
    res.hex('hex?', 'the encoded transaction, if it is not sent'),
    res.string('psbt?', 'the PSBT in base64, if it is not sent or needs more signatures'),
  ]),
];

export const send = walletMethod({
  name: 'send',
  description: 'Makes a transaction and sends it; gives a PSBT where others have to sign it first.',
  params: [
    createParams[1]!,
    ...feeParams,
    feeRateParam,
    { name: 'options', type: 'namedOptions', optional: true, oneLine: 'options', fields: optionParams },
    createParams[4]!,
  ],
  results: sentDocs,
  examples: [[{ bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl: 0.1 }]],
  runs: 'exclusive',
  async run(wallet, args, host) {
    const options = withFeeArguments(args);
    refuseOutdated(options);
    const read = optionsOf(options);
    const isReplaceable = read.optionalBoolean('replaceable') ?? wallet.options.signalsRbf;
    const lockTime = lockTimeOf(read);
    const given = expectType(options.get('inputs') ?? [], 'array');
    const inputs = toInputs(given, isReplaceable, lockTime);
    const outputs = toOutputs(args.get('outputs'), host.node.chain.params);
    const plan = await fund(wallet, host, {
      inputs,
      outputs,
      lockTime: options.has('locktime') ? lockTime : undefined,
      version: args.integer('version', 'u32'),
      feeRates: 'sufficient',
      addsInputs: 'withoutInputs',
      inputWeights: weightsInInputs(given, options),
      options,
      args: read,
    });
    return finishTransaction(wallet, host, plan.tx, options);
  },
});

export function refuseOutdated(options: ParsedObject): void {
  for (const [name, message] of OUTDATED) if (options.has(name)) invalid(message);
}

/** Signed as far as the wallet can, then kept and sent, or given to the caller: as the options psbt and add_to_wallet say. */
export async function finishTransaction(
  wallet: Wallet,
  host: WalletHost,
  unsigned: Transaction,
  options: ParsedObject,
): Promise<JsonOut> {
  const { verifier } = host.spendContext(wallet);
  const { psbt, isComplete } = answeringPsbt(() => {
    const fill = { hashType: undefined, finalize: true } as const;
    const updated = fillPsbt(
      wallet,
      createPsbt(unsigned, 2),
      { ...fill, role: 'updater', origins: 'shown' },
      verifier,
    );
    const signed = fillPsbt(wallet, updated.psbt, { ...fill, role: 'signer', origins: 'hidden' }, verifier);
    return finalizePsbt(signed.psbt, verifier);
  });
  const wantsPsbt = options.get('psbt') === true;
  const isKept = options.get('add_to_wallet') !== false;
  const tx = isComplete ? extractTransaction(psbt, verifier) : undefined;
  const isSent = tx !== undefined && isKept && !wantsPsbt;
  if (isSent) {
    wallet.commit(tx, {}, host.now());
    await host.save(wallet);
    await host.broadcast(wallet, tx);
  }
  return {
    psbt: wantsPsbt || tx === undefined || !isKept ? psbtToText(psbt) : undefined,
    txid: tx && hashToHex(tx.txid),
    hex: tx === undefined || isSent ? undefined : bytesToHex(tx.raw),
    complete: isComplete,
  };
}

/** The options with what was given before them (Core: InterpretFeeEstimationInstructions). */
export function withFeeArguments(args: Arguments): ParsedObject {
  const options = args.has('options') ? expectType(args.get('options'), 'object') : new ParsedObject([]);
  const members: (readonly [string, JsonValue])[] = [...options.members];
  const isGiven = (name: string) => args.isGiven(name);
  if (options.has('conf_target') || options.has('estimate_mode')) {
    if (isGiven('conf_target') || isGiven('estimate_mode')) {
      invalid(
        'Pass conf_target and estimate_mode either as arguments or in the options object, but not both',
      );
    }
  } else {
    for (const name of ['conf_target', 'estimate_mode']) {
      if (isGiven(name)) members.push([name, args.get(name)!]);
    }
  }
  if (options.has('fee_rate')) {
    if (isGiven('fee_rate')) {
      invalid('Pass the fee_rate either as an argument, or in the options object, but not both');
    }
  } else if (isGiven('fee_rate')) members.push(['fee_rate', args.get('fee_rate')!]);
  const merged = new ParsedObject(members);
  const mode = merged.get('estimate_mode') ?? 'unset';
  if ((merged.get('conf_target') ?? null) !== null && mode === 'unset') invalid('Specify estimate_mode');
  return merged;
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
