/**
 * What a start does first: a million headers, their blocks stored, from the index on disk into the header tree, by a process
 * of its own (load-headers.ts). Its memory is what the process grows by, its time includes opening and checking the database.
 */
import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { REGTEST } from '../../scripts/make-chain/chain.ts';
import { bytesToHash, type Hash256, hashToHex } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { blockIndexOp } from '../../src/chain/block-index.ts';
import { VALID_SCRIPTS } from '../../src/chain/block-status.ts';
import { HeaderTree } from '../../src/chain/header-tree.ts';
import { openLevelStore } from '../../src/store/level.ts';
import { createHeader } from '../../src/wire/block.ts';
import type { LoadedHeaders } from './load-headers.ts';
import type { Scenario } from './scenario.ts';

const HEADERS = { short: 3_000, full: 1_000_000 };
/** As blocks of 1.5 MB fill files of 128 MiB. */
const BLOCKS_PER_FILE = 85;
const BLOCK_BYTES = 1_500_000;
const SPACING_S = 600;
const GROUPS_PER_BATCH = 1_000;

export const headerTreeScenario: Scenario = {
  name: 'header-tree',
  async run({ short }) {
    const count = short ? HEADERS.short : HEADERS.full;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-bench-'));
    try {
      const tip = await writeIndex(folder, count);
      const loaded: LoadedHeaders = JSON.parse(
        execFileSync(process.execPath, [loader(), folder], { encoding: 'utf8' }),
      );
      assert.equal(loaded.tip, tip);
      assert.equal(loaded.headers, count + 1);
      const name = `${count.toLocaleString('en')} headers`;
      return [
        { name: `${name}, the process grows by`, value: loaded.rssBytes / 2 ** 20, unit: 'MiB' },
        { name: `${name}, a header`, value: loaded.rssBytes / count, unit: 'bytes' },
        { name: `${name}, loaded in`, value: loaded.wallSeconds, unit: 's' },
        { name: `${name}, CPU time`, value: loaded.cpuSeconds, unit: 's' },
        { name: `${name}, on disk`, value: bytesIn(folder) / 2 ** 20, unit: 'MiB' },
      ];
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Returns the hash of the last. */
async function writeIndex(folder: string, count: number): Promise<string> {
  const tree = new HeaderTree();
  const random = new SeededRandom(1);
  let header = REGTEST.genesis.header;
  while (tree.size <= count) {
    const id = tree.add(header);
    const position = {
      file: Math.floor(id / BLOCKS_PER_FILE),
      offset: (id % BLOCKS_PER_FILE) * BLOCK_BYTES + 8,
    };
    tree.setData(id, position, 2_000);
    tree.setUndo(id, { ...position, offset: Math.floor(position.offset / 10) });
    tree.raiseValidity(id, VALID_SCRIPTS);
    // Nobody looks for proof of work here, but what cannot be compressed takes longer to read.
    const merkleRoot = bytesToHash<Hash256>(random.bytes(32));
    header = createHeader({ ...header, prevHash: header.hash, time: header.time + SPACING_S, merkleRoot });
  }
  const store = await openLevelStore(folder);
  const groups = tree.takeDirty();
  while (groups.length > 0) {
    const ops = groups.splice(0, GROUPS_PER_BATCH).map(group => blockIndexOp(tree, group));
    await store.batch(ops, { durable: groups.length === 0 });
  }
  await store.close();
  return hashToHex(tree.hashOf(tree.tips()[0]!));
}

/** Compiled, whether this file is (dist/) or not. */
function loader(): string {
  return ['./load-headers.js', '../../dist/test/bench/load-headers.js']
    .map(relative => new URL(relative, import.meta.url).pathname)
    .find(file => fs.existsSync(file))!;
}

function bytesIn(folder: string): number {
  return fs.readdirSync(folder).reduce((sum, name) => sum + fs.statSync(path.join(folder, name)).size, 0);
}
