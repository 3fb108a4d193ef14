/** PSBTs as callers send and get them: base64 (Core: DecodeBase64PSBT, JSONRPCPSBTError). */
import { decodeBase64, encodeBase64 } from '../base/base64.ts';
import { encodePsbt, PSBT_ERRORS, type Psbt, PsbtError, type PsbtProblem, readPsbt } from '../psbt/psbt.ts';
import { DecodeError, EndOfDataError, Reader } from '../wire/codec.ts';
import type { Arguments } from './arguments.ts';
import { RpcCode, RpcError } from './codes.ts';

const PSBT_CODES: Readonly<Record<PsbtProblem, RpcCode>> = {
  missingInputs: RpcCode.VERIFY_ERROR,
  sighashMismatch: RpcCode.DESERIALIZATION_ERROR,
  incomplete: RpcCode.VERIFY_ERROR,
  invalidTx: RpcCode.VERIFY_ERROR,
};

/** Throws RpcError −22. */
export function toPsbt(base64: string): Psbt {
  const bytes = decodeBase64(base64);
  if (bytes === undefined) throw undecodable('invalid base64');
  const reader = new Reader(bytes);
  let psbt: Psbt;
  try {
    psbt = readPsbt(reader);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const message = error instanceof EndOfDataError ? 'SpanReader::read(): end of data' : error.message;
    // What Core's C++ library says behind every message of a stream.
    throw undecodable(`${message}: iostream error`);
  }
  if (reader.remaining > 0) throw undecodable('extra data after PSBT');
  return psbt;
}

export function psbtToText(psbt: Psbt): string {
  return encodeBase64(encodePsbt(psbt));
}

/** Version 2 unless told otherwise; throws RpcError −8. */
export function toPsbtVersion(args: Arguments): 0 | 2 {
  const version = args.integer('psbt_version', 'u32');
  if (version === 0 || version === 2) return version;
  throw new RpcError(RpcCode.INVALID_PARAMETER, 'The PSBT version can only be 2 or 0');
}

function psbtProblem(problem: PsbtProblem): RpcError {
  return new RpcError(PSBT_CODES[problem], PSBT_ERRORS[problem]);
}

/** Turns what the roles throw into the answer. */
export function answeringPsbt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof PsbtError) throw psbtProblem(error.problem);
    throw error;
  }
}

function undecodable(message: string): RpcError {
  return new RpcError(RpcCode.DESERIALIZATION_ERROR, `TX decode failed ${message}`);
}
