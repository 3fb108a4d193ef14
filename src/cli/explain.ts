/**
 * `bin/node explain TX|FILE`: why transactions are refused. The outputs that they spend come from `--prevouts`, or stand
 * beside each transaction in a file of JSON objects `{raw, prevouts}`, one a line; then no node is asked. Of others a
 * running node finds them, by its `explaintransaction`.
 */
import { existsSync, statSync } from 'node:fs';
import { bytesToHex, hexToBytes, isHex } from '../base/bytes.ts';
import { explainTransaction, type TxReport } from '../consensus/explain-tx.ts';
import type { SpentCoin } from '../consensus/lone-block.ts';
import { loadVerifier } from '../crypto/verifier.ts';
import { readMaybeGzip, readPrevouts } from '../node/block-file.ts';
import { loadConfig } from '../node/config.ts';
import { rpcOptions } from '../node/rpc-options.ts';
import { ConfigError, type SettingSource } from '../node/settings.ts';
import { cookiePath } from '../rpc/auth.ts';
import { compactJson } from '../rpc/json-write.ts';
import { MANDATORY_SCRIPT_FLAGS, parseFlags, STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import { decodeTransaction, type Transaction } from '../wire/transaction.ts';
import { callRpc, RpcClientError } from './rpc-client.ts';

export interface ExplainArguments {
  readonly tx: string;
  readonly prevouts?: string | undefined;
  readonly input?: number | undefined;
  readonly flags: string;
  readonly json: boolean;
}

interface Subject {
  readonly tx: Transaction;
  /** Undefined: a node has to find them. */
  readonly spent: readonly SpentCoin[] | undefined;
}

/** Exit code 0 only if all are valid. Throws ConfigError, DecodeError, RangeError and the system's errors. */
export async function explainFile(args: ExplainArguments, commandLine: SettingSource): Promise<number> {
  const flags = flagsFrom(args.flags);
  const verifier = await loadVerifier('auto');
  let allValid = true;
  for (const { tx, spent } of subjects(args)) {
    const report =
      spent === undefined
        ? await askNode(tx, args, commandLine)
        : explainTransaction(tx, spent, { flags, verifier, input: args.input });
    allValid &&= report.valid;
    process.stdout.write(args.json ? `${JSON.stringify(report)}\n` : inWords(report));
  }
  return allValid ? 0 : 1;
}

/** Throws ConfigError, also when no node answers. */
async function askNode(
  tx: Transaction,
  { input, flags }: ExplainArguments,
  commandLine: SettingSource,
): Promise<TxReport> {
  if (input !== undefined) throw new ConfigError('--input goes only with --prevouts');
  const { auth, server } = rpcOptions(loadConfig(commandLine, 'hearsay'));
  const target = {
    host: '127.0.0.1',
    port: server.bind[0]!.port,
    user: auth.user,
    password: auth.password,
    cookieFile: cookiePath(auth),
  };
  const params = [bytesToHex(tx.raw), null, flags];
  const reply = await callRpc(target, 'explaintransaction', params).catch((error: unknown) => {
    if (!(error instanceof RpcClientError)) throw error;
    const [why] = error.message.split('\n');
    throw new ConfigError(`Without --prevouts a node is asked: ${why}`);
  });
  const error = reply.get('error') ?? null;
  if (error !== null) throw new ConfigError(compactJson(error));
  return JSON.parse(compactJson(reply.get('result')!)) as TxReport;
}

function inWords({ txid, valid, refused_by, reason, explanation, inputs }: TxReport): string {
  if (valid) return `${txid}: valid\n`;
  const others = inputs
    .filter(each => each.explanation !== explanation)
    .map(each => `  ${each.explanation}\n`);
  return `${txid}: refused by ${refused_by}: ${reason}\n  ${explanation}\n${others.join('')}`;
}

function subjects({ tx, prevouts }: ExplainArguments): Subject[] {
  const isFile = !isHex(tx) && existsSync(tx) && statSync(tx).isFile();
  const text = isFile ? Buffer.from(readMaybeGzip(tx)).toString('utf8').trim() : tx;
  if (isHex(text)) {
    return [subject(text, prevouts === undefined ? undefined : JSON.parse(jsonFrom(prevouts)))];
  }
  if (!isFile) throw new ConfigError(`${tx.slice(0, 80)} is neither a transaction in hex nor a file`);
  return entries(text).map(({ raw, prevouts: given }, i) => {
    if (typeof raw !== 'string') throw new ConfigError(`Entry ${i + 1} has no "raw" transaction`);
    return subject(raw, given);
  });
}

interface Entry {
  readonly raw?: unknown;
  readonly prevouts?: unknown;
}

/** Of a file: one object a line, or all of it one object or a list of them. */
function entries(text: string): Entry[] {
  const whole = parseJson(text);
  if (whole !== undefined) return Array.isArray(whole) ? whole : [whole];
  const lines = text.split('\n').filter(line => line.trim() !== '');
  return lines.map((line, i) => {
    const value = parseJson(line);
    if (value === undefined) throw new ConfigError(`Line ${i + 1} is no JSON object`);
    return value;
  });
}

/** Undefined for what is no JSON, and for what is nothing to look into. */
function parseJson(text: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function subject(hex: string, prevouts: unknown): Subject {
  if (!isHex(hex)) throw new ConfigError('A transaction is not hexadecimal');
  return {
    tx: decodeTransaction(hexToBytes(hex)),
    spent: prevouts === undefined ? undefined : readPrevouts(prevouts),
  };
}

/** The JSON itself, or the file that holds it. */
function jsonFrom(given: string): string {
  return given.trimStart().startsWith('[') ? given : Buffer.from(readMaybeGzip(given)).toString('utf8');
}

function flagsFrom(text: string): number {
  if (text === 'standard') return STANDARD_SCRIPT_FLAGS;
  if (text === 'consensus') return MANDATORY_SCRIPT_FLAGS;
  try {
    return parseFlags(text);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}
