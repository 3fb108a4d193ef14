/**
 * What the user set, from the command line, settings.json and bitcoin.conf, looked up by Core's rules: the command line
 * wins, then settings.json, then the chain's section of the file, then the rest of the file. Of a single value the
 * last on the command line counts and the first in the file; lists are joined. `-nofoo` is `foo` off, and empties a list.
 * Source: Core src/common/args.cpp, config.cpp.
 */
import { isOptionName, OPTIONS, type OptionDeclaration, type OptionName } from './option-table.ts';

/** Told to the user as `Error: …` before anything has started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** One place where values come from: option name to values in order; '0' for a negated one. */
export type SettingSource = ReadonlyMap<string, readonly string[]>;

/** A negated option: everything given before it is forgotten. */
export const NEGATED = '\0negated';

/** What Core says of a wallet that is no name, or is on and off at once. */
export const WALLET_VALUE_ERROR =
  "Invalid value detected for '-wallet' or '-nowallet'. '-wallet' requires a string value, while '-nowallet' accepts only '1' to disable all wallets";

const ARGUMENTS_ERROR = 'Error parsing command line arguments: ';
const FILE_ERROR = 'Error reading configuration file: ';

/**
 * `-nofoo` or `-nofoo=1` mean off, `-nofoo=0` means on. Returns the name and the value to keep. Throws ConfigError, whose
 * message begins with `where`, for what the option does not allow.
 */
function interpretOption(
  name: string,
  value: string | undefined,
  where: string,
): { name: string; value: string } {
  if (isOptionName(name)) {
    const { needsValue }: OptionDeclaration = OPTIONS[name];
    if (value === undefined && needsValue)
      throw new ConfigError(
        `${where}Can not set -${name} with no value. Please specify value with -${name}=value.`,
      );
    return { name, value: value ?? '' };
  }
  const negated = name.replace(/^no/, '');
  if (negated === name || !isOptionName(negated)) return { name, value: value ?? '' };
  const { isNeverNegated }: OptionDeclaration = OPTIONS[negated];
  if (isNeverNegated)
    throw new ConfigError(`${where}Negating of -${negated} is meaningless and therefore forbidden`);
  if (isOn(value ?? '')) return { name: negated, value: NEGATED };
  if (negated === 'wallet') throw new ConfigError(WALLET_VALUE_ERROR);
  return { name: negated, value: '1' };
}

/** Core's InterpretBool: what is empty or begins with a number other than zero. Words, `true` among them, are off. */
function isOn(value: string): boolean {
  return value === '' || Number.parseInt(value.replace(/^\+/, ''), 10) > 0 || Number.parseInt(value, 10) < 0;
}

/** The single-dash arguments of `bin/bitcoind`: -x, -x=v, -nox, --x. Throws ConfigError for what is no option. */
export function parseDashArguments(args: readonly string[]): SettingSource {
  const source = new Map<string, string[]>();
  for (const arg of args) {
    const match = /^--?([^=]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) {
      throw new ConfigError(
        `Command line contains unexpected token '${arg}', see bitcoind -h for a list of options.`,
      );
    }
    const { name, value } = interpretOption(match[1]!, match[2], ARGUMENTS_ERROR);
    if (!isOptionName(name) || 'isOurs' in OPTIONS[name])
      throw new ConfigError(`${ARGUMENTS_ERROR}Invalid parameter ${arg}`);
    addSetting(source, name, value);
  }
  const [included] = source.get('includeconf')?.filter(value => value !== NEGATED) ?? [];
  if (included !== undefined) {
    // Core shows the value as JSON, and the opposite of a negation is no text.
    const isNegated = args.some(arg => /^--?noincludeconf/.test(arg));
    throw new ConfigError(
      `${ARGUMENTS_ERROR}-includeconf cannot be used from commandline; -includeconf=${isNegated ? 'true' : JSON.stringify(included)}`,
    );
  }
  return source;
}

export function addSetting(source: Map<string, string[]>, name: string, value: string): void {
  const values = source.get(name);
  if (values === undefined) source.set(name, [value]);
  else values.push(value);
}

/** Who hears of what stands in a file and is no mistake in Core, but seems to be one. */
export interface ConfReader {
  /** An option that nobody knows, with its section: it is ignored. */
  onUnknown(key: string): void;
  /** A section, each time it is named; lines count from 1. */
  onSection(name: string, line: number): void;
}

/**
 * A configuration file: values by section; '' is the part before any section. `section.name=value` works too.
 * Throws ConfigError.
 */
export function parseConf(
  text: string,
  reader: ConfReader = { onUnknown() {}, onSection() {} },
): ReadonlyMap<string, SettingSource> {
  const sections = new Map<string, Map<string, string[]>>();
  let prefix = '';
  for (const [index, rawLine] of text.split('\n').entries()) {
    const line = rawLine.replace(/#.*$/, '').trim();
    if (line === '') continue;
    if (line.startsWith('[') && line.endsWith(']')) {
      const section = line.slice(1, -1);
      reader.onSection(section, index + 1);
      prefix = `${section}.`;
      continue;
    }
    const where = `${FILE_ERROR}parse error on line ${index + 1}`;
    if (line.startsWith('-'))
      throw new ConfigError(
        `${where}: ${line}, options in configuration file must be specified without leading -`,
      );
    const at = line.indexOf('=');
    if (at === -1) {
      const hint = line.startsWith('no')
        ? `, if you intended to specify a negated option, use ${line}=1 instead`
        : '';
      throw new ConfigError(`${where}: ${line}${hint}`);
    }
    const key = prefix + line.slice(0, at).trim();
    if (rawLine.includes('#') && key.includes('rpcpassword'))
      throw new ConfigError(`${where}, using # in rpcpassword can be ambiguous and should be avoided`);
    const dot = key.indexOf('.');
    const section = key.slice(0, Math.max(0, dot));
    if (prefix === '' && section !== '') reader.onSection(section, index + 1);
    const { name, value } = interpretOption(key.slice(dot + 1), line.slice(at + 1).trim(), FILE_ERROR);
    if (name === 'conf') {
      throw new ConfigError(
        `${FILE_ERROR}conf cannot be set in the configuration file; use includeconf= if you want to include additional config files`,
      );
    }
    if (!isOptionName(name)) {
      reader.onUnknown(key);
      continue;
    }
    const values = sections.get(section) ?? new Map<string, string[]>();
    sections.set(section, values);
    addSetting(values, name, value);
  }
  return sections;
}

export interface SettingSources {
  readonly commandLine: SettingSource;
  /** settings.json: the node's own memory. */
  readonly persistent: SettingSource;
  readonly conf: ReadonlyMap<string, SettingSource>;
}

export class Settings {
  readonly #sources: SettingSources;
  readonly #section: string;

  /** `section`: the chain's name in the configuration file; 'main' also reads the part before any section. */
  constructor(sources: SettingSources, section: string) {
    this.#sources = sources;
    this.#section = section;
  }

  /** The same with another configuration file. */
  withConf(conf: ReadonlyMap<string, SettingSource>): Settings {
    return new Settings({ ...this.#sources, conf }, this.#section);
  }

  /** The same for another chain. */
  inSection(section: string): Settings {
    return new Settings(this.#sources, section);
  }

  /** Where values come from, the strongest first. */
  #spans(
    name: OptionName,
  ): { readonly values: readonly string[]; readonly from: 'user' | 'conf' | 'default' }[] {
    const { commandLine, persistent, conf } = this.#sources;
    return [
      { values: commandLine.get(name) ?? [], from: 'user' },
      { values: persistent.get(name) ?? [], from: 'user' },
      { values: conf.get(this.#section)?.get(name) ?? [], from: 'conf' },
      { values: (this.#section !== '' && conf.get('')?.get(name)) || [], from: 'default' },
    ];
  }

  /** What stands before any section of the file and is not for this chain. */
  #isIgnored(name: OptionName, from: 'user' | 'conf' | 'default'): boolean {
    return from === 'default' && 'isNetworkOnly' in OPTIONS[name] && this.#section !== 'main';
  }

  /** Undefined when nobody said anything; false when it was negated. */
  #single(name: OptionName): string | false | undefined {
    for (const { values, from } of this.#spans(name)) {
      const standing = values.slice(values.lastIndexOf(NEGATED) + 1);
      // Of a negation at the end nobody asks whether it stands in the right section (Core: GetSetting).
      if (standing.length === 0 && values.length > 0) return false;
      if (this.#isIgnored(name, from) || standing.length === 0) continue;
      return from === 'user' ? standing.at(-1) : standing[0];
    }
    return undefined;
  }

  /** Options in the file that stand before any section, and would count only in this chain's own (Core: an error). */
  misplaced(): OptionName[] {
    if (this.#section === 'main' || this.#section === '') return [];
    const names = [...(this.#sources.conf.get('')?.keys() ?? [])] as OptionName[];
    return names.filter(
      name =>
        'isNetworkOnly' in OPTIONS[name] &&
        this.#spans(name).every(({ values, from }) => values.length > 0 === (from === 'default')),
    );
  }

  text(name: OptionName): string | undefined {
    const value = this.#single(name);
    return value === false ? '' : value;
  }

  flag(name: OptionName, fallback: boolean): boolean {
    const value = this.#single(name);
    if (value === undefined) return fallback;
    return value !== false && isOn(value);
  }

  isSet(name: OptionName): boolean {
    return this.#single(name) !== undefined;
  }

  isNegated(name: OptionName): boolean {
    return this.#single(name) === false;
  }

  /** Throws ConfigError unless it is a whole number. */
  number(name: OptionName, fallback: number): number {
    const value = this.#single(name);
    if (value === undefined) return fallback;
    if (value === false) return 0;
    if (!/^-?\d+$/.test(value)) throw new ConfigError(`Invalid value for -${name}=<n>: '${value}'`);
    return Number(value);
  }

  /**
   * Command line, then settings.json, then file; what was given before a negation is forgotten, and what lies below it.
   * Yet the file is back when something follows the negation (Core: "zombie" values of GetSettingsList).
   */
  list(name: OptionName): string[] {
    const found: string[] = [];
    let isDone = false;
    let isEmptied = false;
    for (const { values, from } of this.#spans(name)) {
      if (this.#isIgnored(name, from)) continue;
      const cut = values.lastIndexOf(NEGATED);
      const standing = values.slice(cut + 1);
      if (!isDone || (from !== 'user' && !isEmptied)) found.push(...standing);
      if (cut !== -1) isDone = true;
      if (cut !== -1 && standing.length === 0 && found.length === 0) isEmptied = true;
    }
    return found;
  }
}
