/** A wallet's part in PSBTs: it updates and signs what is its own (Core: CWallet::FillPSBT, DescriptorScriptPubKeyMan::FillPSBT). */
import { bytesToBinary } from '../base/bytes.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { PsbtInput } from '../psbt/input-fields.ts';
import { isFinalInput, outPointOf, type Psbt, PsbtError, spentOutput } from '../psbt/psbt.ts';
import {
  isVerified,
  psbtContext,
  type SignOptions,
  signPsbtInput,
  updateOutputs,
  withoutUnnecessaryTransactions,
} from '../psbt/sign.ts';
import { hiding, type SigningProvider } from '../script/signing-provider.ts';
import { solveScript } from '../script/templates.ts';
import type { Wallet } from './wallet.ts';

export interface FillOptions extends SignOptions {
  readonly role: 'updater' | 'signer';
  /** Whether the paths of keys are told. */
  readonly origins: 'shown' | 'hidden';
}

/** Throws PsbtError. `isComplete` when all inputs are final and valid. */
export function fillPsbt(
  wallet: Wallet,
  psbt: Psbt,
  options: FillOptions,
  verifier: SignatureVerifier,
): { readonly psbt: Psbt; readonly isComplete: boolean } {
  const known = { ...psbt, inputs: psbt.inputs.map(input => withPreviousTx(wallet, input)) };
  const context = psbtContext(known, verifier);
  const hidden = { secrets: options.role === 'updater', origins: options.origins === 'hidden' };
  const inputs = known.inputs.map((input, index) => {
    const output = input.witnessUtxo ?? spentOutput(input);
    if (isFinalInput(input) || output === undefined) return input;
    const provider = hiding(providerOf(wallet, input, output.scriptPubKey), hidden);
    const { input: signed, problem } = signPsbtInput(input, index, provider, context, options);
    if (problem !== undefined && problem !== 'incomplete') throw new PsbtError(problem);
    return signed;
  });
  const ours = wallet.keys.providerFor(
    psbt.outputs.flatMap(({ script }) => (wallet.keys.isMine(script!) ? [script!] : [])),
  );
  const shown = hiding(ours, { secrets: true, origins: hidden.origins });
  const updated = updateOutputs({ ...known, inputs }, shown, verifier);
  // An output that is not ours stays as it was.
  const outputs = psbt.outputs.map((output, i) =>
    wallet.keys.isMine(output.script!) ? updated.outputs[i]! : output,
  );
  const filled = withoutUnnecessaryTransactions({ ...updated, outputs });
  return { psbt: filled, isComplete: filled.inputs.every((input, i) => isVerified(input, i, context)) };
}

/** What the input spends, if the wallet has the transaction that made it. */
function withPreviousTx(wallet: Wallet, input: PsbtInput): PsbtInput {
  if (isFinalInput(input) || input.nonWitnessUtxo !== undefined) return input;
  const nonWitnessUtxo = wallet.history.get(outPointOf(input).txid)?.tx;
  return nonWitnessUtxo === undefined ? input : { ...input, nonWitnessUtxo };
}

/** Of a script that is not ours, the keys that the PSBT names may be. */
function providerOf(wallet: Wallet, input: PsbtInput, scriptPubKey: Uint8Array): SigningProvider {
  if (wallet.keys.isMine(scriptPubKey)) return wallet.keys.providerFor([scriptPubKey]);
  const xOnly = [...input.tapDerivations.keys()];
  const template = solveScript(scriptPubKey);
  if (template.type === 'witness_v1_taproot') xOnly.push(bytesToBinary(template.outputKey));
  const compressed = xOnly.flatMap(key => [`\x02${key}`, `\x03${key}`]);
  return wallet.keys.providerForKeys(new Set([...input.bip32Derivations.keys(), ...compressed]));
}
