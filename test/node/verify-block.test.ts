/** `bin/node verify-block`: verdicts about real blocks, and about what is done to them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { describeShared, readShared, sharedPath } from '../support/shared.ts';

const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;
const folder = mkdtempSync(path.join(tmpdir(), 'hearsay-verify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly lines: readonly string[];
  readonly stderr: string;
}

function verifyBlock(...args: readonly string[]): Promise<Outcome> {
  return new Promise(resolve => {
    execFile(process.execPath, [PROGRAM, 'verify-block', ...args], (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, lines: stdout.trim().split('\n'), stderr });
    });
  });
}

const blockOf = (name: string) => sharedPath(`blocks/with-prevouts/${name}.blk.gz`);
const prevoutsOf = (name: string) => sharedPath(`blocks/with-prevouts/${name}.prevouts.json.gz`);

/** A copy of the block with one byte changed. */
function damaged(name: string, at: number): string {
  const bytes = Buffer.from(readShared(`blocks/with-prevouts/${name}.blk.gz`));
  bytes[at]! ^= 1;
  const file = path.join(folder, `${name}-${at}.blk`);
  writeFileSync(file, bytes);
  return file;
}

describeShared('verify-block', () => {
  test('with its coins: everything', async () => {
    const { code, lines, stderr } = await verifyBlock(
      blockOf('main-757739'),
      '--prevouts',
      prevoutsOf('main-757739'),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(lines[0]).toMatch(/^block 0{10}[0-9a-f]{54} · height 757739 · main$/);
    expect(lines[1]).toMatch(/^valid · 63 transactions · 91 inputs · \d+\.\d{3} s · [\d,]+ inputs\/s$/);
    expect(lines[2]).toMatch(/^fees [\d,]+ sat · signature checks cost [\d,]+$/);
    expect(lines).toHaveLength(3);
  });

  test('on several threads, of the network that the file of prevouts names', async () => {
    const { code, lines } = await verifyBlock(
      blockOf('test3-1087400'),
      '--prevouts',
      prevoutsOf('test3-1087400'),
    );
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/ · height 1087400 · test$/);
    expect(lines[3]).toBe('not judged: bits, time and version of the header after its ancestors');
  });

  test('without coins: what needs none, at the height that the coinbase tells', async () => {
    const { code, lines } = await verifyBlock(sharedPath('blocks/single/main-951658.blk.gz'));
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/ · height 951658 · main$/);
    expect(lines[1]).toMatch(/^valid as far as it goes · /);
    expect(lines[2]).toMatch(/^not judged: coins, amounts and scripts \(give --prevouts\); bits/);
  });

  test.each([
    ['its header', 70, /^invalid: high-hash, proof of work failed$/],
    ['its coinbase', 130, /^invalid: bad-txnmrklroot, hashMerkleRoot mismatch$/],
  ])('damaged in %s: invalid', async (_where, at, reason) => {
    const { code, lines } = await verifyBlock(
      damaged('main-757739', at),
      '--prevouts',
      prevoutsOf('main-757739'),
    );
    expect(code).toBe(1);
    expect(lines[1]).toMatch(reason);
  });

  test('with other coins: the script or the amount that fails', async () => {
    const json = JSON.parse(readShared('blocks/with-prevouts/main-757739.prevouts.json.gz').toString());
    const write = (name: string) => {
      const file = path.join(folder, name);
      writeFileSync(file, JSON.stringify(json));
      return file;
    };
    const coin = json.txs.flat().find(([, script]: [number, string]) => script.startsWith('0014'));
    coin[0] += 1;
    const more = await verifyBlock(blockOf('main-757739'), '--prevouts', write('more.json'));
    expect(more.code).toBe(1);
    expect(more.lines[1]).toMatch(
      /^invalid: block-script-verify-flag-failed \(.*\), input \d+ of [0-9a-f]{64}$/,
    );
    coin[0] -= 2;
    const less = await verifyBlock(blockOf('main-757739'), '--prevouts', write('less.json'));
    expect(less.lines[1]).toMatch(/^invalid: bad-cb-amount, /);
    json.txs.pop();
    const fewer = await verifyBlock(blockOf('main-757739'), '--prevouts', write('fewer.json'));
    expect([fewer.code, fewer.stderr]).toEqual([1, 'Error: The prevouts are those of another block\n']);
  });

  test.each([
    [[path.join(folder, 'none.blk')], /^Error: ENOENT: .*\n$/],
    [[blockOf('main-170')], /^Error: The height is neither in the coinbase nor in a file of prevouts\n$/],
    [[prevoutsOf('main-170')], /^Error: .*\n$/],
    [[blockOf('main-170'), '--height', '170', '--network', 'moon'], /^Error: Unknown network "moon"/],
  ])('%j: one line', async (args, message) => {
    const { code, stderr } = await verifyBlock(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });
});
