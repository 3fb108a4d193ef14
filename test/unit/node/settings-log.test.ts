/** The lines about settings at the start of debug.log (Core: feature_config_args.py, test_args_log). */
import { expect, test } from 'vitest';
import { parseConf, parseDashArguments } from '../../../src/node/settings.ts';
import { settingLines } from '../../../src/node/settings-log.ts';
import { JsonNumber, type JsonValue } from '../../../src/rpc/json.ts';

test('settings are told with where they come from, secrets are not', () => {
  const secrets = ['rpcauth', 'rpcpassword', 'rpcuser', 'torpassword'];
  const sources = {
    commandLine: parseDashArguments([
      '-addnode=some.node',
      '-nolisten',
      ...secrets.map(name => `-${name}=told`),
    ]),
    conf: parseConf('regtest=1\nrpcuser=told\n[regtest]\nserver=1'),
  };
  const lines = settingLines(
    sources,
    new Map<string, JsonValue>([
      ['num', new JsonNumber('5')],
      ['rpcauth', 'told'],
    ]),
  );
  expect(lines).toEqual([
    'Config file arg: regtest="1"',
    'Config file arg: rpcuser=****',
    'Config file arg: [regtest] server="1"',
    'Setting file arg: num = 5',
    'Setting file arg: rpcauth = ****',
    'Command-line arg: addnode="some.node"',
    'Command-line arg: listen=false',
    ...secrets.map(name => `Command-line arg: ${name}=****`),
  ]);
});
