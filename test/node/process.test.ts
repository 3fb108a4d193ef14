/** The node as a process: how it ends when it is asked to early, and when a bug surfaces. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';

const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-process-'));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** Runs a node, does `act` when it has printed its first line, and returns how it ended. */
function run(name: string, nodeArgs: readonly string[], act: (pid: number) => void) {
  return new Promise<{ code: number | null; stderr: string }>(resolve => {
    const args = [
      'start',
      '--datadir',
      path.join(root, name),
      '--rpcport',
      '0',
      '--port',
      '0',
      '--connect',
      '0',
    ];
    const child = spawn(process.execPath, [...nodeArgs, PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stdout.once('data', () => act(child.pid!));
    child.stderr.on('data', chunk => (stderr += chunk));
    child.once('close', code => resolve({ code, stderr }));
  });
}

test('SIGTERM ends it cleanly', async () => {
  const { code, stderr } = await run('term', [], pid => process.kill(pid, 'SIGTERM'));
  expect([code, stderr]).toEqual([0, '']);
});

test('a bug that nobody caught is told, and ends it with exit code 1 and everything stored', async () => {
  const trap = path.join(root, 'trap.mjs');
  fs.writeFileSync(trap, "process.on('SIGUSR2', () => Promise.reject(new Error('a bug of the test')));\n");
  const { code, stderr } = await run('bug', ['--import', trap], pid => process.kill(pid, 'SIGUSR2'));
  expect([code, stderr]).toEqual([1, 'Error: a bug of the test\n']);
  const log = fs.readFileSync(path.join(root, 'bug', 'regtest', 'debug.log'), 'utf8');
  expect(log).toContain('The node must stop: Error: a bug of the test');
  expect(log.trimEnd()).toMatch(/Shutdown: done$/);
});
