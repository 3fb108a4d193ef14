/** A short run of scripts/differential.ts; long ones are started by hand (docs/consensus.md). */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { NodePair } from '../../scripts/differential/nodes.ts';
import { Fuzzer } from '../../scripts/differential/rounds.ts';
import { Session } from '../../scripts/differential/session.ts';
import { describeBitcoind } from '../support/bitcoind.ts';

const ROUNDS = 2;
/** What a round asks at least. */
const CASES_A_ROUND = 2_000;

describeBitcoind('our node and bitcoind', () => {
  test('agree about what the fuzzer makes of a seed', { timeout: 60_000 }, async () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-differential-'));
    const pair = await NodePair.start(root, process.env['BITCOIND']!, {
      common: ['acceptnonstdtxn=1'],
      ours: [],
    });
    try {
      const session = new Session(pair, 1);
      const fuzzer = new Fuzzer(session, { corpus: [], segwitHeight: 0 });
      await fuzzer.prepare();
      for (let round = 1; round <= ROUNDS; round += 1) await fuzzer.run(round);
      expect(session.cases).toBeGreaterThan(ROUNDS * CASES_A_ROUND);
    } finally {
      await pair.stop();
      fs.rmSync(root, { recursive: true, force: true });
    }
  });
});
