import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LOG_CATEGORIES } from '../../../src/base/log.ts';
import { loadConfig } from '../../../src/node/config.ts';
import { openLog, wantedCategories } from '../../../src/node/log-options.ts';
import { parseDashArguments } from '../../../src/node/settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'log-options-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const config = (args: readonly string[]) =>
  loadConfig(parseDashArguments([`-datadir=${directory}`, ...args]), 'bitcoind');
const all = LOG_CATEGORIES.length;

test.each([
  [[], 0],
  [['-debug'], all],
  [['-debug=1', '-debugexclude=net'], all - 1],
  [['-debug=net', '-debug=rpc'], 2],
  [['-debug=http', '-debug=abc', '-debug=0', '-debug=net'], 1],
  [['-debug=abc', '-debug=none'], 0],
  [['-debug=abc', '-nodebug', '-debug=rpc'], 1],
])('%j are so many categories: %i', (args, count) => {
  expect(wantedCategories(config(args).settings).size).toBe(count);
});

test.each([
  ['-debug=abc', 'Unsupported logging category -debug=abc.'],
  ['-debugexclude=abc', 'Unsupported logging category -debugexclude=abc.'],
  ['-loglevel=abc', 'Unsupported global logging level -loglevel=abc. Valid values: info, debug, trace.'],
  ['-loglevel=net:abc', 'Unsupported category-specific logging level -loglevel=net:abc.'],
  ['-loglevel=net:info:abc', 'Unsupported category-specific logging level -loglevel=net:info:abc.'],
])('%s is refused', (arg, message) => {
  expect(() => openLog(config([arg]))).toThrow(message);
});
