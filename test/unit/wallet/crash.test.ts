/** A wallet's file and the chain die together, and neither loses what was told. */
import { test } from 'vitest';
import { walletCrashRun } from '../../support/wallet-crash.ts';

test('killed and without power at random points, it keeps what it answered for and learns the rest again', async () => {
  for (let seed = 1; seed <= 30; seed += 1) await walletCrashRun(seed);
});
