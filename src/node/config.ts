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
import { ConfigError, NEGATED, parseConf, type SettingSource, Settings } from './settings.ts';

/** Who is running: `bin/node`, or `bin/bitcoind` standing in for Bitcoin Core. */
export type Persona = 'hearsay' | 'bitcoind';

export interface NodeConfig {
  readonly persona: Persona;
  readonly settings: Settings;
  readonly params: ChainParams;
  /** The user's directory, and the chain's own within it (the same for mainnet). */
  readonly baseDirectory: string;
  readonly directory: string;
  /** Names in the configuration file that nobody knows: worth a warning. */
  readonly ignoredKeys: readonly string[];
  /** Files that an included file names: they are not read. */
  readonly ignoredIncludes: readonly string[];
  /** Where the chain's `blocks` is: the chain's directory, or its like under `-blocksdir`. */
  readonly blocksDirectory: string;
}

const DEFAULT_DIRECTORY = '.hearsay';
const DEFAULT_CONF = 'bitcoin.conf';
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
  const ignoredKeys: string[] = [];
  const { conf, ignoredIncludes } = readConf(early, named, persona, key => ignoredKeys.push(key));
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
  const persistent = readPersistent(directory);
  const settings = new Settings({ commandLine, persistent, conf }, params.name);
  const misplaced = settings.misplaced().map(name => {
    return `Config setting for -${name} only applied on ${params.name} network when in [${params.name}] section.`;
  });
  if (misplaced.length > 0) throw new ConfigError(misplaced.join('\n'));
  const blocksDirectory = path.join(blocksBase(settings) ?? baseDirectory, params.directory);
  const ignored = { ignoredKeys, ignoredIncludes };
  return { persona, settings, params, baseDirectory, directory, blocksDirectory, ...ignored };
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

function readConf(
  early: Settings,
  baseDirectory: string,
  persona: Persona,
  onUnknown: (key: string) => void,
): { readonly conf: ReadonlyMap<string, SettingSource>; readonly ignoredIncludes: readonly string[] } {
  const nothing = { conf: new Map<string, SettingSource>(), ignoredIncludes: [] };
  if (early.isNegated('conf')) return nothing;
  const named = early.text('conf');
  const file = path.resolve(baseDirectory, named ?? DEFAULT_CONF);
  if (!fs.existsSync(file)) {
    if (named === undefined) return nothing;
    throw new ConfigError(
      `Error reading configuration file: specified config file "${named}" could not be opened.`,
    );
  }
  const first = parseConf(readConfFile(file, 'Config'), onUnknown);
  if (early.isNegated('includeconf')) return { conf: first, ignoredIncludes: [] };
  // Those of the chain's section and of the part before any; what an included file includes is not read.
  const chain = chooseChain(early.withConf(first), persona);
  const includesOf = (file: ReadonlyMap<string, SettingSource>) =>
    [chain, ''].flatMap(section => file.get(section)?.get('includeconf') ?? []);
  const includes = includesOf(first);
  if (includes.length > INCLUDES_MAX)
    throw new ConfigError(`${file} includes more than ${INCLUDES_MAX} files.`);
  const more = includes.map(name => {
    const included = path.resolve(baseDirectory, name);
    if (!fs.existsSync(included)) {
      throw new ConfigError(`Error reading configuration file: Failed to include configuration file ${name}`);
    }
    return parseConf(readConfFile(included, 'Included config'), onUnknown);
  });
  return { conf: mergeSections([first, ...more]), ignoredIncludes: more.flatMap(includesOf) };
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

/** settings.json as Core keeps it: values, or lists of values. */
function readPersistent(directory: string): SettingSource {
  const file = path.join(directory, 'settings.json');
  if (!fs.existsSync(file)) return new Map();
  let parsed: unknown;
  try {
    parsed = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(
      `Settings file could not be read: ${file} is not JSON (${(error as Error).message}). Mend it or remove it.`,
    );
  }
  const source = new Map<string, string[]>();
  for (const [name, value] of Object.entries(parsed as Record<string, unknown>)) {
    if (name.startsWith('_')) continue;
    source.set(name, (Array.isArray(value) ? value : [value]).map(persistentText));
  }
  return source;
}

function persistentText(value: unknown): string {
  if (value === false) return NEGATED;
  return value === true ? '1' : String(value);
}
