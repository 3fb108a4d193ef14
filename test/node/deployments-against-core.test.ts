/** `getdeploymentinfo` after each few blocks, under options that move soft forks, beside bitcoind on the same blocks. */
import { afterAll, describe, expect, test } from 'vitest';
import { bitcoind, describeBitcoind } from '../support/bitcoind.ts';
import { Sandbox } from '../support/process.ts';

/** Regtest's genesis, and when its next blocks are made. */
const GENESIS_TIME = 1_296_688_602;
const NOW = GENESIS_TIME + 3_600;
const ADDRESS = 'mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8';
const BLOCKS = 600;
const STEP = 24;

describeBitcoind('deployments beside bitcoind', () => {
  const sandbox = new Sandbox();
  afterAll(() => sandbox.close());

  describe.each([
    ['as they are', []],
    ['an activation that waits for a height', [`-vbparams=testdummy:${GENESIS_TIME}:${NOW * 2}:500`]],
    ['one that starts later', [`-vbparams=testdummy:${NOW + 100}:9223372036854775807`]],
    ['one that times out', [`-vbparams=testdummy:${GENESIS_TIME}:${NOW + 30}`, '-blockversion=536870912']],
    ['one that is over before it starts', ['-vbparams=testdummy:1:2']],
    ['always active', ['-vbparams=testdummy:-1:9223372036854775807']],
    ['never active', ['-vbparams=testdummy:-2:0']],
    [
      'buried forks at heights of their own',
      ['bip34@3', 'dersig@102', 'cltv@200', 'csv@288', 'segwit@300'].map(
        each => `-testactivationheight=${each}`,
      ),
    ],
  ] as const)('%s', (name, args) => {
    test('are the same at every step', { timeout: 60_000 }, async () => {
      const time = `-mocktime=${NOW}`;
      const core = await bitcoind(sandbox, `core ${name}`, [...args, time]);
      const ours = await sandbox.hearsay(`ours ${name}`, [
        '--connect=0',
        ...[...args, time].map(each => `-${each}`),
      ]);
      await Promise.all([core.start(), ours.start()]);
      for (let height = STEP; height <= BLOCKS; height += STEP) {
        const hashes = await core.rpc<string[]>('generatetoaddress', STEP, ADDRESS);
        for (const hash of hashes) {
          const block = await core.rpc<string>('getblock', hash, 0);
          expect(await ours.rpc('submitblock', block)).toBeNull();
        }
        const told = await core.rpc('getdeploymentinfo');
        expect(await ours.rpc('getdeploymentinfo'), `height ${height}`).toEqual(told);
        const earlier = hashes[hashes.length >> 1];
        expect(await ours.rpc('getdeploymentinfo', earlier)).toEqual(
          await core.rpc('getdeploymentinfo', earlier),
        );
        const template = { rules: ['segwit', ...(name.startsWith('always') ? ['testdummy'] : [])] };
        const [mine, theirs] = await Promise.all(
          [ours, core].map(node =>
            node.rpc<Record<string, unknown>>('getblocktemplate', template).catch(String),
          ),
        );
        for (const field of ['version', 'vbavailable', 'vbrequired', 'rules'])
          expect((mine as Record<string, unknown>)[field], `${field} at ${height}`).toEqual(
            (theirs as Record<string, unknown>)[field],
          );
      }
      const text = JSON.stringify(await core.rpc('getdeploymentinfo'));
      if (name === 'one that times out') expect(text).toContain('"failed"');
      await Promise.all([core.stop(), ours.stop()]);
    });
  });
});
