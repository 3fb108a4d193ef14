/** What is wrong with the chain is told once by an alert, and as long as it holds by `list`. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { runAlertCommand, Warnings } from '../../../src/node/warnings.ts';
import { mineBlocks, NOW, REGTEST, TestChain } from '../../support/test-chain.ts';

const STANDING = 'Do not trust it.';
const INVALID = /^Warning: Found invalid chain more than 6 blocks longer than our best chain\./;

function watched(): { test: TestChain; warnings: Warnings; alerts: string[]; tell: () => void } {
  const test = new TestChain();
  const alerts: string[] = [];
  const deps = {
    chain: test.chain,
    log: SILENT_LOG,
    now: () => NOW,
    alert: (text: string) => alerts.push(text),
  };
  const warnings = new Warnings(deps, [STANDING]);
  const tell = () => {
    for (const notice of test.notices.splice(0)) warnings.onChain(notice);
  };
  return { test, warnings, alerts, tell };
}

test('an invalid chain counts when it is more than six blocks longer, until ours has grown', () => {
  const { test: chain, warnings, alerts, tell } = watched();
  const { genesis } = REGTEST;
  const bad = mineBlocks(genesis, 0, 1, { coinbaseValue: 51e8, tag: 9 });
  const above = mineBlocks(bad[0]!, 1, 6, { tag: 9 });
  for (const block of [...bad, ...above.slice(0, 5)]) chain.chain.acceptHeader(block.header, NOW);
  for (const block of [...above.slice(0, 5), ...bad]) chain.submit(block);
  tell();
  expect(warnings.list()).toEqual([STANDING]);

  const other = watched();
  for (const block of [...bad, ...above]) other.test.chain.acceptHeader(block.header, NOW);
  other.test.submit(bad[0]!);
  other.tell();
  expect(other.warnings.list()).toEqual([expect.stringMatching(INVALID), STANDING]);
  expect(other.alerts).toEqual([expect.stringMatching(INVALID)]);
  const good = mineBlocks(genesis, 0, 2);
  other.test.submit(good[0]!);
  other.tell();
  expect(other.warnings.list()).toEqual([STANDING]);
  expect(other.alerts).toHaveLength(1);
  expect(alerts).toEqual([]);
});

test('the command of an alert gets the text in quotes, without what a shell could take for its own', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-alert-'));
  const file = path.join(folder, 'alert');
  runAlertCommand(
    `echo %s > "${file}.part" && mv "${file}.part" "${file}"`,
    'bit 3 $(id) `id`; it\'s "on" (now)',
    SILENT_LOG,
  );
  await expect.poll(() => fs.existsSync(file), { timeout: 10_000 }).toBe(true);
  expect(fs.readFileSync(file, 'utf8')).toBe('bit 3 (id) id; its on (now)\n');
  fs.rmSync(folder, { recursive: true });
});
