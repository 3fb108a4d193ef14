/** `bin/node explain`: offline, over arguments and files. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex } from '../../src/base/bytes.ts';
import { wrapInWitnessScriptHash } from '../../src/script/templates.ts';
import type { Transaction, TxOutput } from '../../src/wire/transaction.ts';
import { input, output, transaction } from '../support/block-scene.ts';
import { readRealBlock } from '../support/real-blocks.ts';
import { startTestServer, type TestServer } from '../support/rpc-server.ts';
import { scriptFromText } from '../support/script-text.ts';
import { describeShared } from '../support/shared.ts';
import { signedKeyHashSpend, signedTaprootSpend, spoilSignature } from '../support/signed-spends.ts';

const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;
const folder = mkdtempSync(path.join(tmpdir(), 'hearsay-explain-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function explain(...args: readonly string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const options = { maxBuffer: 1 << 26 };
    execFile(process.execPath, [PROGRAM, 'explain', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

function write(name: string, text: string | Uint8Array): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

interface Spend {
  readonly tx: Pick<Transaction, 'raw'>;
  readonly spent: readonly TxOutput[];
}
const rawOf = ({ tx }: Spend) => bytesToHex(tx.raw);
const prevoutsOf = ({ spent }: Spend) =>
  spent.map(({ value, scriptPubKey }) => [value, bytesToHex(scriptPubKey)]);
const lineOf = (spend: Spend) => JSON.stringify({ raw: rawOf(spend), prevouts: prevoutsOf(spend) });

const SCRIPT = scriptFromText('IF 1 ELSE 0 ENDIF');
const GOOD = signedKeyHashSpend(1, 2);
const BAD = { ...GOOD, ...spoilSignature(GOOD, 1) };
const TAPROOT = signedTaprootSpend(2, 1);

describe('one transaction', () => {
  test('valid', async () => {
    const outcome = await explain(rawOf(GOOD), '--prevouts', JSON.stringify(prevoutsOf(GOOD)));
    expect(outcome).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^[0-9a-f]{64}: valid\n$/),
      stderr: '',
    });
  });

  test('invalid, in words', async () => {
    const prevouts = write('prevouts.json', JSON.stringify(prevoutsOf(BAD)));
    const { code, stdout } = await explain(write('tx.hex', `${rawOf(BAD)}\n`), '--prevouts', prevouts);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^[0-9a-f]{64}: refused by consensus: block-script-verify-flag-failed \(Signature must be zero/,
    );
    expect(stdout).toContain(
      '\n  Input 1 fails at OP_CHECKSIG (instruction 4, byte 24) of its witnessScript: ',
    );
    expect(stdout).toContain(
      '(SIG_NULLFAIL, the rule NULLFAIL). No block may hold it either: there the error is',
    );
  });

  test('invalid, as JSON, by blocks’ rules', async () => {
    const args = ['--prevouts', JSON.stringify(prevoutsOf(BAD)), '--flags', 'consensus', '--json'];
    const { code, stdout } = await explain(rawOf(BAD), ...args);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      refused_by: 'consensus',
      inputs: [{ input: 1, error: 'EVAL_FALSE', flag: 'WITNESS', script: 'witnessScript', stack: [''] }],
    });
  });

  test('one input of it', async () => {
    const args = ['--prevouts', JSON.stringify(prevoutsOf(BAD))];
    expect((await explain(rawOf(BAD), ...args, '--input', '0')).code).toBe(0);
    expect((await explain(rawOf(BAD), ...args, '--input', '1')).code).toBe(1);
  });

  test('without the rule that it breaks', async () => {
    const args = ['--prevouts', JSON.stringify(prevoutsOf(BAD)), '--flags', 'P2SH'];
    expect((await explain(rawOf(BAD), ...args)).code).toBe(0);
  });
});

describe('a file of many', () => {
  const many = [GOOD, TAPROOT].map(lineOf).join('\n');
  test.each([
    ['all valid', `${many}\n`, 0, 2],
    ['one is not', `${many}\n${lineOf(BAD)}\n`, 1, 3],
    ['a single object', JSON.stringify(JSON.parse(lineOf(GOOD)), null, 2), 0, 1],
    ['a list', `[${lineOf(BAD)},${lineOf(TAPROOT)}]`, 1, 2],
    ['gzip', gzipSync(many), 0, 2],
  ])('%s', async (name, text, code, lines) => {
    const outcome = await explain(write(`${name}.jsonl`, text), '--json');
    expect(outcome.code).toBe(code);
    expect(outcome.stdout.trim().split('\n')).toHaveLength(lines);
  });
});

describe('what cannot be read is one line', () => {
  test.each([
    [[rawOf(GOOD), '--input', '0'], 'Error: --input goes only with --prevouts\n'],
    [
      [rawOf(GOOD), '--datadir', folder, '--rpcport', '1'],
      'Error: Without --prevouts a node is asked: Error while attempting to communicate',
    ],
    [['nothing'], 'Error: nothing is neither a transaction in hex nor a file\n'],
    [[rawOf(GOOD), '--prevouts', '[]'], 'Error: 2 inputs spend 2 outputs, not 0\n'],
    [[rawOf(GOOD), '--prevouts', '[[1,"5"]]'], 'Error: A prevout has its script as hex\n'],
    [
      [rawOf(GOOD), '--prevouts', JSON.stringify(prevoutsOf(GOOD)), '--input', '2'],
      'Error: There is no input 2: the transaction has 2\n',
    ],
    [
      [rawOf(GOOD), '--prevouts', JSON.stringify(prevoutsOf(GOOD)), '--flags', 'X'],
      'Error: Unknown script flag "X"\n',
    ],
    [[write('bad.jsonl', `${lineOf(GOOD)}\n{`)], 'Error: Line 2 is no JSON object\n'],
    [[write('raw.jsonl', '{"prevouts":[]}')], 'Error: Entry 1 has no "raw" transaction\n'],
    [['00'.repeat(9), '--prevouts', '[]'], 'Error: End of data'],
  ])('%#', async (args, message) => {
    const { code, stderr } = await explain(...args);
    expect([code, stderr.slice(0, message.length)]).toEqual([1, message]);
    expect(stderr.trim()).not.toContain('\n');
  });
});

describe('without prevouts', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    server.node.mine(102, wrapInWitnessScriptHash(SCRIPT));
  });
  afterAll(() => server.stop());

  test('a running node finds them', async () => {
    const { txid } = server.node.stored[1]!.transactions[0]!;
    const spending = (condition: number) =>
      transaction({
        inputs: [input({ txid, index: 0 }, { witness: [Uint8Array.of(condition), SCRIPT] })],
        outputs: [output(1_000, wrapInWitnessScriptHash(SCRIPT))],
      });
    const ask = (condition: number) => {
      const where = [
        '--rpccookiefile',
        path.join(server.directory, '.cookie'),
        '--rpcport',
        String(server.port),
      ];
      return explain(bytesToHex(spending(condition).raw), ...where, '--datadir', folder);
    };
    expect((await ask(1)).code).toBe(0);
    const bad = await ask(2);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toContain('fails at OP_IF (instruction 0, byte 0) of its witnessScript: ');
  });
});

describeShared('a real block', () => {
  test('each of its transactions is valid by the rules of blocks', async () => {
    const { block, spent } = readRealBlock('main-757739');
    const lines = block.transactions.slice(1).map((tx, i) => lineOf({ tx, spent: spent[i]! }));
    const { code, stdout } = await explain(write('block.jsonl', lines.join('\n')), '--flags', 'consensus');
    expect(code).toBe(0);
    expect(stdout.match(/: valid\n/g)).toHaveLength(62);
  });
});
