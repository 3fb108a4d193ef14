/** The rows of Core's tx_valid.json and tx_invalid.json: a transaction, what it spends, and script flags. */
import { hexToBytes, hexToHash, type Txid } from '../../src/base/bytes.ts';
import type { SignatureVerifier } from '../../src/crypto/verifier.ts';
import { verifyInputs } from '../../src/script/verify.ts';
import { decodeTransaction, type Transaction, type TxOutput } from '../../src/wire/transaction.ts';
import { scriptFromText } from './script-text.ts';
import { readSharedJson } from './shared.ts';

type Prevout = readonly [txid: string, index: number, script: string, amount?: number];

export interface TxVector {
  readonly name: string;
  readonly tx: Transaction;
  /** By input; an output of no value and no script where the row does not say what is spent. */
  readonly spent: readonly TxOutput[];
  readonly flagsText: string;
}

export function readTxVectors(relative: string): TxVector[] {
  const rows = readSharedJson<readonly (readonly unknown[])[]>(relative);
  // A row of one string is a comment.
  return rows
    .filter(row => Array.isArray(row[0]))
    .map(row => {
      const [prevouts, hex, flagsText] = row as [Prevout[], string, string];
      const outputs = new Map<string, TxOutput>();
      for (const [txid, index, script, amount] of prevouts) {
        const key = hexToHash<Txid>(txid) + String(index >>> 0);
        outputs.set(key, { value: amount ?? 0, scriptPubKey: scriptFromText(script) });
      }
      const tx = decodeTransaction(hexToBytes(hex));
      const spent = tx.inputs.map(
        ({ prevout }) =>
          outputs.get(prevout.txid + String(prevout.index)) ?? { value: 0, scriptPubKey: new Uint8Array() },
      );
      return { name: JSON.stringify(row).slice(0, 400), tx, spent, flagsText };
    });
}

export function isValid({ tx, spent }: TxVector, flags: number, verifier: SignatureVerifier): boolean {
  return verifyInputs({ tx, spent, flags }, verifier) === undefined;
}
