/**
 * From what the user said to where a node lives: the data directory, the configuration file, the chain. Everything here
 * reads; nothing is made yet. Source: Core src/common/config.cpp, common/args.cpp, chainparamsbase.cpp.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { customNetwork, networkParams } from '../consensus/networks.ts';
import { overrideParams, type ParamsOverrides } from '../consensus/overrides.ts';
import type { ChainParams } from '../consensus/params.ts';
import { isOptionName } from './option-table.ts';
import { ConfigError, type ConfReader, parseConf, type SettingSource, Settings } from './settings.ts';
import { readSettings, type SettingsFile, type StoredSettings, settingSource } from './settings-file.ts';
import { settingLines } from './settings-log.ts';

/** Who is running: `bin/node`, or `bin/bitcoind` standing in for Bitcoin Core. */
export type Persona = 'hearsay' | 'bitcoind';

export interface NodeConfig {
  readonly persona: Persona;
  readonly settings: Settings;
  readonly params: ChainParams;
  /** The user's directory, and the chain's own within it (the same for mainnet). */
  readonly baseDirectory: string;
  readonly directory: string;
  /** Undefined with `-nosettings`: the node remembers nothing then. */
  readonly settingsFile: SettingsFile | undefined;
  /** What it said when it was read. */
  readonly storedSettings: StoredSettings;
  /** What the user set, for the log. */
  readonly settingLines: readonly string[];
  /** What seems to be a mistake of the user, for the log. */
  readonly remarks: readonly string[];
  /** Sections of configuration files that are no chain's, and where they are named. */
  readonly unknownSections: readonly string[];
  /** Files that an included file names: they are not read. */
  readonly ignoredIncludes: readonly string[];
  /** Where the chain's `blocks` is: the chain's directory, or its like under `-blocksdir`. */
  readonly blocksDirectory: string;
}

const DEFAULT_DIRECTORY = '.hearsay';
const DEFAULT_CONF = 'bitcoin.conf';
const DEFAULT_SETTINGS = 'settings.json';
const REINDEX_REMARK =
  'reindex=1 is set in the configuration file, which will significantly slow down startup. Consider removing or commenting out this option for better performance, unless there is currently a condition which makes rebuilding the indexes necessary';
/** Files that one configuration file may name. */
const INCLUDES_MAX = 32;

const CHAIN_FLAGS = { regtest: 'regtest', signet: 'signet', testnet: 'test', testnet4: 'testnet4' } as const;
const CHAINS = new Set(['main', 'test', 'testnet4', 'signet', 'regtest']);

/** Throws ConfigError. */
export function loadConfig(commandLine: SettingSource, persona: Persona): NodeConfig {
  const none: SettingSource = new Map();
  const early = new Settings({ commandLine, persistent: none, conf: new Map() }, '');
  const named = path.resolve(early.text('datadir') ?? path.join(os.homedir(), DEFAULT_DIRECTORY));
  if (persona === 'bitcoind' && early.isSet('datadir') && !fs.existsSync(named)) {
    throw new ConfigError(`Specified data directory "${early.text('datadir')}" does not exist.`);
  }
  const remarks: string[] = [];
  const { conf, ...ignored } = readConf(early, named, persona, remark => remarks.push(remark));
  const withConf = new Settings({ commandLine, persistent: none, conf }, '');
  const baseDirectory = path.resolve(withConf.text('datadir') ?? named);
  if (baseDirectory !== named && !fs.existsSync(baseDirectory)) {
    throw new ConfigError(
      `Error reading configuration file: specified data directory "${withConf.text('datadir')}" does not exist.`,
    );
  }
  const genesisFile = withConf.text('genesis');
  const chain = chooseChain(withConf, persona);
  const network = genesisFile === undefined ? networkParams(chain) : customNetwork(readGenesis(genesisFile));
  const sections = { commandLine, persistent: none, conf };
  const params = overrideParams(network, overridesFrom(new Settings(sections, network.name)));
  const directory = path.join(baseDirectory, params.directory);
  refuseIgnoredConf(withConf, early, { named, baseDirectory }, remark => remarks.push(remark));
  const settingsFile = chooseSettingsFile(withConf.inSection(params.name), directory, persona);
  const storedSettings = settingsFile === undefined ? new Map() : readSettings(settingsFile.path);
  for (const name of storedSettings.keys())
    if (!isOptionName(name)) remarks.push(`Ignoring unknown rw_settings value ${name}`);
  const persistent = settingSource(storedSettings);
  const settings = new Settings({ commandLine, persistent, conf }, params.name);
  const misplaced = settings.misplaced().map(name => {
    return `Config setting for -${name} only applied on ${params.name} network when in [${params.name}] section.`;
  });
  if (misplaced.length > 0) throw new ConfigError(misplaced.join('\n'));
  const blocksDirectory = path.join(blocksBase(settings) ?? baseDirectory, params.directory);
  const lines = settingLines({ commandLine, conf }, storedSettings);
  const where = { baseDirectory, directory, blocksDirectory, settingsFile };
  return { persona, settings, params, ...where, storedSettings, settingLines: lines, remarks, ...ignored };
}

function blocksBase(settings: Settings): string | undefined {
  const named = settings.text('blocksdir');
  if (named === undefined || named === '') return undefined;
  const base = path.resolve(named);
  if (!fs.statSync(base, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ConfigError(`Specified blocks directory "${named}" does not exist.`);
  }
  return base;
}

/** Rules of the chain that the user changes, for tests and for signets of one's own. */
function overridesFrom(settings: Settings): ParamsOverrides {
  return {
    activationHeights: settings.list('testactivationheight'),
    versionBits: settings.list('vbparams'),
    signetChallenge: settings.list('signetchallenge'),
    enforceBip94: settings.list('test').includes('bip94'),
  };
}

function chooseChain(settings: Settings, persona: Persona): string {
  const flags = Object.entries(CHAIN_FLAGS).filter(([flag]) =>
    settings.flag(flag as keyof typeof CHAIN_FLAGS, false),
  );
  const named = settings.text('chain') ?? settings.text('network');
  if (flags.length + (named === undefined ? 0 : 1) > 1) {
    throw new ConfigError(
      'Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. Can use at most one.',
    );
  }
  const chain = named ?? flags[0]?.[1] ?? (persona === 'bitcoind' ? 'main' : 'regtest');
  if (!CHAINS.has(chain)) throw new ConfigError(`Unknown chain ${chain}.`);
  return chain;
}

function readGenesis(file: string): unknown {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`Cannot read the genesis file ${file}: ${(error as Error).message}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${file} is not JSON: ${(error as Error).message}`);
  }
}

/** The configuration file that is read: undefined with `-noconf`, or when there is none. Throws ConfigError. */
function confFile(early: Settings, directory: string): string | undefined {
  if (early.isNegated('conf')) return undefined;
  const named = early.text('conf');
  const file = path.resolve(directory, named ?? DEFAULT_CONF);
  if (fs.existsSync(file)) return file;
  if (named === undefined) return undefined;
  throw new ConfigError(
    `Error reading configuration file: specified config file "${named}" could not be opened.`,
  );
}

function readConf(
  early: Settings,
  directory: string,
  persona: Persona,
  remark: (text: string) => void,
): Pick<NodeConfig, 'ignoredIncludes' | 'unknownSections'> & {
  readonly conf: ReadonlyMap<string, SettingSource>;
} {
  const file = confFile(early, directory);
  if (file === undefined) return { conf: new Map(), ignoredIncludes: [], unknownSections: [] };
  const unknownSections: string[] = [];
  const read = (path: string, shown: string, what: 'Config' | 'Included config') => {
    const reader: ConfReader = {
      onUnknown: key => remark(`Ignoring unknown configuration value ${key}`),
      onSection: (name, line) => {
        if (!CHAINS.has(name)) unknownSections.push(`${shown}:${line} Section [${name}] is not recognized.`);
      },
    };
    const sections = parseConf(readConfFile(path, what), reader);
    for (const settings of sections.values())
      if (settings.get('reindex')?.includes('1')) remark(REINDEX_REMARK);
    return sections;
  };
  const first = read(file, file, 'Config');
  if (early.isNegated('includeconf')) return { conf: first, ignoredIncludes: [], unknownSections };
  // Those of the chain's section and of the part before any; what an included file includes is not read.
  const chain = chooseChain(early.withConf(first), persona);
  const includesOf = (file: ReadonlyMap<string, SettingSource>) =>
    [chain, ''].flatMap(section => file.get(section)?.get('includeconf') ?? []);
  const includes = includesOf(first);
  if (includes.length > INCLUDES_MAX)
    throw new ConfigError(`${file} includes more than ${INCLUDES_MAX} files.`);
  const more = includes.map(name => {
    const included = path.resolve(directory, name);
    if (!fs.existsSync(included)) {
      throw new ConfigError(`Error reading configuration file: Failed to include configuration file ${name}`);
    }
    return read(included, name, 'Included config');
  });
  return {
    conf: mergeSections([first, ...more]),
    ignoredIncludes: more.flatMap(includesOf),
    unknownSections,
  };
}

/**
 * A bitcoin.conf in the directory in use that was not read, because another was: its owner would wonder why nothing that
 * stands in it counts. Throws ConfigError, unless that is meant (`-allowignoredconf`).
 */
function refuseIgnoredConf(
  settings: Settings,
  early: Settings,
  { named, baseDirectory }: { readonly named: string; readonly baseDirectory: string },
  remark: (text: string) => void,
): void {
  const here = path.join(baseDirectory, DEFAULT_CONF);
  if (!fs.existsSync(here)) return;
  if (early.isNegated('conf')) {
    remark(
      `Data directory "${baseDirectory}" contains a "${DEFAULT_CONF}" file which is explicitly ignored using -noconf.`,
    );
    return;
  }
  const read = confFile(early, named)!;
  if (fs.realpathSync(read) === fs.realpathSync(here)) return;
  const given = early.text('conf');
  const source = given === undefined ? `data directory "${named}"` : `command line argument "-conf=${given}"`;
  const text = `Data directory "${baseDirectory}" contains a "${DEFAULT_CONF}" file which is ignored, because a different configuration file "${read}" from ${source} is being used instead. Possible ways to address this would be to:
- Delete or rename the "${DEFAULT_CONF}" file in data directory "${baseDirectory}".
- Change datadir= or conf= options to specify one configuration file, not two, and use includeconf= to include any other configuration files.`;
  if (settings.flag('allowignoredconf', false)) remark(text);
  else
    throw new ConfigError(
      `${text}\n- Set allowignoredconf=1 option to treat this condition as a warning, not an error.`,
    );
}

function chooseSettingsFile(
  settings: Settings,
  directory: string,
  persona: Persona,
): SettingsFile | undefined {
  if (settings.isNegated('settings')) return undefined;
  return {
    path: path.resolve(directory, settings.text('settings') || DEFAULT_SETTINGS),
    author: persona === 'bitcoind' ? 'Bitcoin Core' : 'Hearsay',
  };
}

function readConfFile(file: string, what: 'Config' | 'Included config'): string {
  if (fs.statSync(file).isDirectory())
    throw new ConfigError(`Error reading configuration file: ${what} file "${file}" is a directory.`);
  return fs.readFileSync(file, 'utf8');
}

/** Earlier files come first: of single values the first counts. */
function mergeSections(
  files: readonly ReadonlyMap<string, SettingSource>[],
): ReadonlyMap<string, SettingSource> {
  const merged = new Map<string, Map<string, string[]>>();
  for (const file of files) {
    for (const [section, settings] of file) {
      const target = merged.get(section) ?? new Map<string, string[]>();
      merged.set(section, target);
      for (const [name, values] of settings) target.set(name, [...(target.get(name) ?? []), ...values]);
    }
  }
  return merged;
}
