/**
 * Lets V8 write down what it made of the bundles, so that a start need not compile them: runs a node on an empty
 * directory until it stands, so that what a start calls is in it too. See bin/load.js.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

interface Loader {
  load(name: string): unknown;
  writeCaches(): void;
}

const { load, writeCaches } = createRequire(import.meta.url)('../../bin/load.js') as Loader;
const program = load('bitcoind.js') as { bitcoindMain(args: readonly string[]): Promise<void> };
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-build-'));
try {
  const running = program.bitcoindMain([
    '-regtest',
    `-datadir=${directory}`,
    '-listen=0',
    '-connect=0',
    '-rpcport=0',
    '-printtoconsole=0',
  ]);
  // During a start it means: stop as soon as you stand.
  process.emit('SIGTERM');
  await running;
  if (process.exitCode) throw new Error('The node that was to be written down did not run');
  load('main.js');
  writeCaches();
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
