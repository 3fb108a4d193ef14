/** What -whitelist and -whitebind grant, as Core reads them. */
import { describe, expect, test } from 'vitest';
import { permissionsOf, whiteBinds } from '../../../src/node/permission-options.ts';
import type { Settings } from '../../../src/node/settings.ts';
import { parseAddress } from '../../../src/wire/net-address.ts';

/** As far as these options look. */
function settings(options: Record<string, string[] | boolean>): Settings {
  return {
    list: (name: string) => options[name] ?? [],
    flag: (name: string, fallback: boolean) => options[name] ?? fallback,
  } as unknown as Settings;
}
const HOME = parseAddress('127.0.0.1', 1)!;
const AWAY = parseAddress('10.0.0.1', 1)!;

describe('-whitelist', () => {
  test.each<[string, Record<string, string[] | boolean>, string[]]>([
    ['the usual ones', { whitelist: ['127.0.0.1'] }, ['mempool', 'download', 'noban', 'relay']],
    ['none, named as such', { whitelist: ['@127.0.0.1'], whitelistforcerelay: true }, []],
    ['no relay', { whitelist: ['127.0.0.1'], whitelistrelay: false }, ['mempool', 'download', 'noban']],
    ['blocksonly', { whitelist: ['127.0.0.1'], blocksonly: true }, ['mempool', 'download', 'noban']],
    [
      'forced relay',
      { whitelist: ['127.0.0.1'], whitelistforcerelay: true },
      ['mempool', 'download', 'noban', 'relay', 'forcerelay'],
    ],
    [
      'those that are named',
      { whitelist: ['bloom,addr@127.0.0.0/8'], whitelistforcerelay: true },
      ['bloomfilter', 'addr'],
    ],
    ['what several grant', { whitelist: ['addr@127.0.0.1', 'mempool@127.0.0.0/8'] }, ['addr', 'mempool']],
    ['another subnet', { whitelist: ['all@10.0.0.0/8'] }, []],
  ])('%s', (_, options, expected) => {
    expect(new Set(permissionsOf(settings(options))(HOME, 'in'))).toEqual(new Set(expected));
  });

  test('for peers that come in, unless a direction is named', () => {
    const of = permissionsOf(settings({ whitelist: ['addr@127.0.0.1', 'noban,out@10.0.0.1'] }));
    expect([of(HOME, 'in'), of(HOME, 'out'), of(AWAY, 'in'), of(AWAY, 'out')]).toEqual([
      ['addr'],
      [],
      [],
      ['noban'],
    ]);
  });

  test.each([
    ['oopsie@127.0.0.1', "Invalid P2P permission: 'oopsie'"],
    ['in,out@127.0.0.1', "Only direction was set, no permissions: 'in,out@127.0.0.1'"],
    ['noban@127.0.0.1:230', "Invalid netmask specified in -whitelist: '127.0.0.1:230'"],
  ])('%s is refused', (text, message) => {
    expect(() => permissionsOf(settings({ whitelist: [text] }))).toThrow(message);
  });
});

describe('-whitebind', () => {
  test('takes a place and permissions', () => {
    expect(whiteBinds(settings({ whitebind: ['noban@127.0.0.1:30', '[::1]:31'] }))).toEqual([
      { host: '127.0.0.1', port: 30, permissions: ['noban'] },
      { host: '::1', port: 31, permissions: ['noban', 'mempool', 'download', 'relay'] },
    ]);
  });

  test.each([
    ['noban@127.0.0.1/10', "Cannot resolve -whitebind address: '127.0.0.1/10'"],
    ['noban@127.0.0.1', "Need to specify a port with -whitebind: '127.0.0.1'"],
    ['out,noban@127.0.0.1:1', 'whitebind may only be used for incoming connections'],
  ])('%s is refused', (text, message) => {
    expect(() => whiteBinds(settings({ whitebind: [text] }))).toThrow(message);
  });
});
