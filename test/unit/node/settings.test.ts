/** Options from everywhere, by Core's rules (common/args.cpp, config.cpp); error texts are those that bitcoind prints. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig, type Persona } from '../../../src/node/config.ts';
import { OPTIONS } from '../../../src/node/option-table.ts';
import { ConfigError, parseConf, parseDashArguments, Settings } from '../../../src/node/settings.ts';

interface Given {
  readonly args?: readonly string[];
  readonly persistent?: Readonly<Record<string, readonly string[]>>;
  readonly conf?: string;
  readonly section?: string;
}

function settings({ args = [], persistent = {}, conf = '', section = 'regtest' }: Given): Settings {
  return new Settings(
    {
      commandLine: parseDashArguments(args),
      persistent: new Map(Object.entries(persistent)),
      conf: parseConf(conf),
    },
    section,
  );
}

describe('one value', () => {
  const table: readonly [string, Given, string | undefined][] = [
    ['nobody said anything', {}, undefined],
    ['the last of the command line', { args: ['-uacomment=a', '-pid=a', '-pid=b'] }, 'b'],
    ['two dashes', { args: ['--pid=a'] }, 'a'],
    ['the first of the file', { conf: 'pid=a\npid=b' }, 'a'],
    ['the section before the rest', { conf: 'pid=a\n[regtest]\npid=b' }, 'b'],
    ['another section is nothing', { conf: '[signet]\npid=a' }, undefined],
    ['a dotted name', { conf: 'pid=a\nregtest.pid=b' }, 'b'],
    ['settings.json before the file', { persistent: { pid: ['s'] }, conf: 'pid=a' }, 's'],
    ['the command line before settings.json', { args: ['-pid=a'], persistent: { pid: ['s'] } }, 'a'],
    ['a negation', { args: ['-pid=a', '-nopid'], conf: 'pid=b' }, ''],
    ['a negation in the file', { conf: 'nopid=1' }, ''],
    ['what comes after a negation', { args: ['-nopid', '-pid=a'] }, 'a'],
    ['the first after a negation in the file', { conf: 'pid=a\nnopid=1\npid=b\npid=c' }, 'b'],
    ['-nopid=0 is -pid=1', { args: ['-nopid=0'] }, '1'],
    ['an equals sign in the value', { args: ['-pid=a=b'] }, 'a=b'],
    ['comments and spaces', { conf: '  pid = a b  # c' }, 'a b'],
  ];
  test.each(table)('%s', (_, given, value) => expect(settings(given).text('pid')).toBe(value));
});

describe('on or off', () => {
  const table: readonly [string, boolean][] = [
    ['-server', true], ['-server=', true], ['-server=1', true], ['-server=2', true], ['-server=-1', true], ['-server=+1', true], ['-server=1x', true],
    ['-server=0', false], ['-server=00', false], ['-server=true', false], ['-server=yes', false], ['-noserver', false], ['-noserver=1', false],
    ['-noserver=0', true], ['-noserver=x', true],
  ]; // biome-ignore format: a table
  test.each(table)('%s: %s', (arg, on) => {
    expect(settings({ args: [arg] }).flag('server', !on)).toBe(on);
    expect(
      settings({ conf: arg.slice(1).includes('=') ? arg.slice(1) : `${arg.slice(1)}=` }).flag('server', !on),
    ).toBe(on);
  });
  test('the fallback', () => {
    expect([settings({}).flag('server', true), settings({}).flag('server', false)]).toEqual([true, false]);
    expect([settings({}).isSet('server'), settings({ args: ['-noserver'] }).isSet('server')]).toEqual([
      false,
      true,
    ]);
    expect(settings({ args: ['-noserver'] }).isNegated('server')).toBe(true);
  });
});

test('numbers', () => {
  expect(settings({}).number('dbcache', 450)).toBe(450);
  expect(settings({ args: ['-dbcache=-4'] }).number('dbcache', 450)).toBe(-4);
  expect(settings({ args: ['-nodbcache'] }).number('dbcache', 450)).toBe(0);
  expect(() => settings({ args: ['-dbcache=many'] }).number('dbcache', 450)).toThrow(ConfigError);
});

describe('lists', () => {
  const table: readonly [string, Given, readonly string[]][] = [
    ['joined from everywhere', { args: ['-uacomment=a', '-uacomment=b'], persistent: { uacomment: ['c'] }, conf: 'uacomment=e\n[regtest]\nuacomment=d' }, ['a', 'b', 'c', 'd', 'e']],
    ['a negation forgets what was before', { args: ['-uacomment=a', '-nouacomment', '-uacomment=b'] }, ['b']],
    ['a negation forgets what is below', { args: ['-nouacomment'], conf: 'uacomment=a' }, []],
    ['but the file is back when something follows', { args: ['-nouacomment', '-uacomment=b'], conf: 'uacomment=a' }, ['b', 'a']],
    ['settings.json is not', { args: ['-nouacomment', '-uacomment=b'], persistent: { uacomment: ['c'] } }, ['b']],
    ['a negation in the section, which is the file', { conf: 'uacomment=a\n[regtest]\nnouacomment=1' }, []],
    ['a negation in the section, followed by a value', { conf: 'uacomment=a\n[regtest]\nnouacomment=1\nuacomment=b' }, ['b', 'a']],
  ]; // biome-ignore format: a table
  test.each(table)('%s', (_, given, values) => expect(settings(given).list('uacomment')).toEqual(values));
});

describe('options for one network only', () => {
  test('count for mainnet outside of a section', () => {
    const conf = 'port=1\naddnode=a\n[regtest]\naddnode=b';
    expect(settings({ conf, section: 'main' }).number('port', 0)).toBe(1);
    expect(settings({ conf, section: 'main' }).list('addnode')).toEqual(['a']);
    expect(settings({ conf }).number('port', 0)).toBe(0);
    expect(settings({ conf }).list('addnode')).toEqual(['b']);
    expect(settings({ conf: 'main.port=2\nport=1', section: 'main' }).number('port', 0)).toBe(2);
  });
  test('a negation counts everywhere', () => {
    expect(settings({ conf: 'port=1\nnoport=1' }).isNegated('port')).toBe(true);
  });
  test('are those of Core', () => {
    const names = Object.entries(OPTIONS).flatMap(([name, option]) =>
      'isNetworkOnly' in option ? name : [],
    );
    expect(names.sort()).toEqual([
      'addnode',
      'bind',
      'connect',
      'port',
      'rpcbind',
      'rpcport',
      'wallet',
      'walletdir',
    ]);
  });
  test('are misplaced unless something else is said', () => {
    expect(settings({ conf: 'port=1' }).misplaced()).toEqual(['port']);
    expect(settings({ conf: 'port=1\nregtest.port=2' }).misplaced()).toEqual([]);
    expect(settings({ conf: 'port=1', args: ['-port=3'] }).misplaced()).toEqual([]);
    expect(settings({ conf: 'port=1', section: 'main' }).misplaced()).toEqual([]);
    expect(settings({ conf: 'server=1' }).misplaced()).toEqual([]);
  });
});

describe('mistakes, in Core’s words', () => {
  const args: readonly [string, string][] = [
    ['foo', "Command line contains unexpected token 'foo', see bitcoind -h for a list of options."],
    ['-foo=1', 'Error parsing command line arguments: Invalid parameter -foo=1'],
    ['-nofoo=1', 'Error parsing command line arguments: Invalid parameter -nofoo=1'],
    ['-=', 'Error parsing command line arguments: Invalid parameter -='],
    ['-regtest.port=1', 'Error parsing command line arguments: Invalid parameter -regtest.port=1'],
    [
      '-proxy',
      'Error parsing command line arguments: Can not set -proxy with no value. Please specify value with -proxy=value.',
    ],
    [
      '-loglevel',
      'Error parsing command line arguments: Can not set -loglevel with no value. Please specify value with -loglevel=value.',
    ],
    [
      '-nodatadir',
      'Error parsing command line arguments: Negating of -datadir is meaningless and therefore forbidden',
    ],
    [
      '-nosignetchallenge=0',
      'Error parsing command line arguments: Negating of -signetchallenge is meaningless and therefore forbidden',
    ],
    ['-private-network', 'Error parsing command line arguments: Invalid parameter -private-network'],
    [
      '-noincludeconf=0',
      'Error parsing command line arguments: -includeconf cannot be used from commandline; -includeconf=true',
    ],
    [
      '-includeconf=x',
      'Error parsing command line arguments: -includeconf cannot be used from commandline; -includeconf="x"',
    ],
  ];
  test.each(args)('%s', (arg, message) =>
    expect(() => parseDashArguments([arg])).toThrow(new ConfigError(message)),
  );

  const files: readonly [string, string][] = [
    ['nodatadir=1', 'Negating of -datadir is meaningless and therefore forbidden'],
    ['foo', 'parse error on line 1: foo'],
    [
      'server=1\n\nnofoo',
      'parse error on line 3: nofoo, if you intended to specify a negated option, use nofoo=1 instead',
    ],
    [
      '-server=1',
      'parse error on line 1: -server=1, options in configuration file must be specified without leading -',
    ],
    [
      'rpcpassword=a#b',
      'parse error on line 1, using # in rpcpassword can be ambiguous and should be avoided',
    ],
    [
      'conf=a',
      'conf cannot be set in the configuration file; use includeconf= if you want to include additional config files',
    ],
  ];
  test.each(files)('%j', (text, message) =>
    expect(() => parseConf(text)).toThrow(new ConfigError(`Error reading configuration file: ${message}`)),
  );

  test('an unknown name in a file is told and ignored', () => {
    const unknown: string[] = [];
    const sections: string[] = [];
    const conf = parseConf('foo=1\nx.pid=1\n[regtest]\nbar=2\na.b=3\nserver=0', {
      onUnknown: key => unknown.push(key),
      onSection: (name, line) => sections.push(`${line} ${name}`),
    });
    expect(unknown).toEqual(['foo', 'regtest.bar', 'regtest.a.b']);
    expect(sections).toEqual(['2 x', '3 regtest']);
    expect(conf.get('regtest')?.get('server')).toEqual(['0']);
  });
});

describe('a directory', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-config-'));
  afterAll(() => fs.rmSync(root, { recursive: true }));
  let count = 0;
  function directory(files: Readonly<Record<string, string>>): string {
    count += 1;
    const made = path.join(root, `${count}`);
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(made, name)), { recursive: true });
      fs.writeFileSync(path.join(made, name), text);
    }
    fs.mkdirSync(made, { recursive: true });
    return made;
  }
  const load = (
    files: Readonly<Record<string, string>>,
    args: readonly string[] = [],
    persona: Persona = 'bitcoind',
  ) => {
    const made = directory(files);
    return loadConfig(parseDashArguments([`-datadir=${made}`, ...args]), persona);
  };

  test('the chain, from the file, the command line, or who runs', () => {
    expect(load({}).params.name).toBe('main');
    expect(load({}, [], 'hearsay').params.name).toBe('regtest');
    expect(load({ 'bitcoin.conf': 'regtest=1' }).params.name).toBe('regtest');
    expect(load({ 'bitcoin.conf': 'chain=signet' }).params.name).toBe('signet');
    expect(load({}, ['-testnet4']).params.name).toBe('testnet4');
    expect(() => load({}, ['-regtest', '-chain=main'])).toThrow(/^Invalid combination of -regtest/);
    expect(() => load({}, ['-chain=xx'])).toThrow('Unknown chain xx.');
  });

  test('the file, other files, and where they lie', () => {
    expect(load({ 'bitcoin.conf': 'pid=a' }).settings.text('pid')).toBe('a');
    expect(load({ 'bitcoin.conf': 'pid=a' }, ['-noconf']).settings.text('pid')).toBeUndefined();
    expect(load({ 'x.conf': 'pid=b' }, ['-conf=x.conf']).settings.text('pid')).toBe('b');
    expect(() => load({}, ['-conf=y.conf'])).toThrow(
      'Error reading configuration file: specified config file "y.conf" could not be opened.',
    );
    const more = {
      'bitcoin.conf': 'includeconf=more.conf\nregtest=1\nsignet.includeconf=none.conf',
      'more.conf': 'pid=m\nincludeconf=none.conf',
    };
    expect(load(more).settings.text('pid')).toBe('m');
    expect(load(more, ['-noincludeconf']).settings.text('pid')).toBeUndefined();
    expect(() => load({ 'bitcoin.conf': 'includeconf=.' })).toThrow(
      /Error reading configuration file: Included config file ".*" is a directory\./,
    );
    expect(() => load({}, ['-conf=.'])).toThrow(
      /Error reading configuration file: Config file ".*" is a directory\./,
    );
    expect(load({ 'bitcoin.conf': 'garbage' }, ['-noconf']).settings.text('pid')).toBeUndefined();
    expect(() => load({ 'bitcoin.conf': 'includeconf=none.conf' })).toThrow(
      'Failed to include configuration file none.conf',
    );
    expect(() => loadConfig(parseDashArguments([`-datadir=${root}/none`]), 'bitcoind')).toThrow(
      /^Specified data directory ".*none" does not exist\.$/,
    );
  });

  test('the wallets that settings.json loads, unless -nowallet says otherwise', () => {
    const files = { 'bitcoin.conf': 'regtest=1', 'regtest/settings.json': '{ "wallet": ["a", "b"] }' };
    expect(load(files).settings.list('wallet')).toEqual(['a', 'b']);
    expect(load(files, ['-wallet=c']).settings.list('wallet')).toEqual(['c', 'a', 'b']);
    expect(load(files, ['-nowallet']).settings.list('wallet')).toEqual([]);
  });

  test('settings.json', () => {
    const files = {
      'bitcoin.conf': 'regtest=1\npid=c',
      'regtest/settings.json':
        '{"pid": "s", "server": true, "listen": false, "dbcache": 5, "uacomment": ["a", "b"], "wallet": ["w"], "_note": 1}',
    };
    const { settings: found } = load(files);
    expect(found.text('pid')).toBe('s');
    expect([found.flag('server', false), found.flag('listen', true), found.number('dbcache', 0)]).toEqual([
      true,
      false,
      5,
    ]);
    expect([found.list('uacomment'), found.list('wallet')]).toEqual([['a', 'b'], ['w']]);
  });

  test('what stands in the wrong place stops the start', () => {
    expect(() => load({ 'bitcoin.conf': 'port=1\nregtest=1' })).toThrow(
      'Config setting for -port only applied on regtest network when in [regtest] section.',
    );
  });

  test.each([
    ['a name that nobody knows', 'foo=1\nregtest=1', 'Ignoring unknown configuration value foo'],
    [
      'to reindex at every start',
      'regtest=1\n[regtest]\nreindex=1',
      /^reindex=1 is set in the configuration file, /,
    ],
  ])('what seems to be a mistake is told: %s', (_, conf, remark) => {
    expect(load({ 'bitcoin.conf': conf }).remarks).toEqual([expect.stringMatching(remark)]);
  });

  test('sections that are no chains are told, with where they stand', () => {
    const files = {
      'bitcoin.conf': 'regtest=1\ntestnot.pid=a\nincludeconf=b.conf',
      'b.conf': '[testnet]\n[main]',
    };
    expect(load(files).unknownSections).toEqual([
      expect.stringMatching(/bitcoin\.conf:2 Section \[testnot\] is not recognized\.$/),
      'b.conf:1 Section [testnet] is not recognized.',
    ]);
  });

  test('a bitcoin.conf that would count for nothing stops the start, unless that is meant', () => {
    const elsewhere = directory({ 'bitcoin.conf': 'regtest=1' });
    const files = { 'bitcoin.conf': `regtest=1\ndatadir=${elsewhere}` };
    const text = `Data directory "${elsewhere}" contains a "bitcoin.conf" file which is ignored, because a different`;
    const home = directory(files);
    // Only the file names the directory then: what the command line says would win.
    const load = (args: readonly string[]) => {
      return loadConfig(parseDashArguments([`-conf=${home}/bitcoin.conf`, ...args]), 'bitcoind');
    };
    expect(() => load([])).toThrow(text);
    expect(load(['-allowignoredconf']).remarks).toEqual([expect.stringContaining(text)]);
    expect(loadConfig(parseDashArguments([`-datadir=${elsewhere}`, '-noconf']), 'bitcoind').remarks).toEqual([
      `Data directory "${elsewhere}" contains a "bitcoin.conf" file which is explicitly ignored using -noconf.`,
    ]);
    expect(
      loadConfig(parseDashArguments([`-datadir=${elsewhere}`, `-conf=${elsewhere}/bitcoin.conf`]), 'bitcoind')
        .remarks,
    ).toEqual([]);
  });

  test('a data directory that the file names', () => {
    const elsewhere = directory({});
    const home = directory({ 'x.conf': `datadir=${elsewhere}` });
    const config = loadConfig(parseDashArguments([`-conf=${home}/x.conf`, '-regtest']), 'bitcoind');
    expect(config.baseDirectory).toBe(elsewhere);
  });
});
