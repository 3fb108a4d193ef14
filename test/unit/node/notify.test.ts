/** Commands of the user: what is filled in, and that their end is waited for. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { BlockHash } from '../../../src/base/bytes.ts';
import { runCommand, shellQuote, walletNotifyCommand } from '../../../src/node/notify.ts';
import type { WalletTx } from '../../../src/wallet/wallet-tx.ts';
import { plainTx, strangeOutPoint } from '../../support/wallet-chain.ts';

const root = mkdtempSync(join(tmpdir(), 'hearsay-notify-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each(['w', "it's; rm -rf /", '%s $(id) `id` "', '\n\t\u0001'])(
  'the shell takes %j for one word',
  async text => {
    const file = join(root, 'word');
    const warnings: string[] = [];
    await runCommand(`printf '%s|' ${shellQuote(text)} > ${shellQuote(file)}`, {
      warn: line => warnings.push(line),
    });
    expect([readFileSync(file, 'utf8'), warnings]).toEqual([`${text}|`, []]);
  },
);

test('a command that fails is told', async () => {
  const warnings: string[] = [];
  await runCommand('exit 3', { warn: line => warnings.push(line) });
  expect(warnings).toEqual(['runCommand error: exit 3 ended with 3']);
});

test('a transaction is told with its place, and what is filled in is not filled in again', () => {
  const tx = plainTx([strangeOutPoint(1)], []);
  const id = Buffer.from(tx.txid, 'latin1').reverse().toString('hex');
  const at = (state: WalletTx['state']) =>
    walletNotifyCommand('x %s %b %h %w %%', '%h', { tx, state } as WalletTx);
  expect(at({ kind: 'inMempool' })).toBe(`x ${id} unconfirmed -1 '%h' %%`);
  const blockHash = '\u0001'.padEnd(32, '\0') as BlockHash;
  expect(at({ kind: 'confirmed', height: 7, blockHash, indexInBlock: 0 })).toBe(
    `x ${id} ${'00'.repeat(31)}01 7 '%h' %%`,
  );
});
