import { expect, test } from 'vitest';
import yargs from 'yargs';
import { settingsFrom, withNodeOptions, withPlainFlags } from '../../../src/cli/settings-from-yargs.ts';
import { NEGATED } from '../../../src/node/settings.ts';

test.each<[string, string[] | undefined]>([
  ['--listen', ['1']],
  ['--listen=1', ['1']],
  ['--listen=0', [NEGATED]],
  ['--no-listen', [NEGATED]],
  ['--port=1', undefined],
])('%s', (arg, listen) => {
  const settings = settingsFrom(withNodeOptions(yargs(withPlainFlags([arg]))).parseSync());
  expect(settings.get('listen')).toEqual(listen);
  expect(settings.get('port')).toEqual(arg === '--port=1' ? ['1'] : undefined);
});
