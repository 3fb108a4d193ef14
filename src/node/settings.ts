/**
 * What the user set, from the command line, settings.json and bitcoin.conf, looked up by Core's rules: the command line
 * wins, then settings.json, then the chain's section of the file, then the rest of the file. Of a single value the
 * last on the command line counts and the first in the file; lists are joined. `-nofoo` is `foo` off, and empties a list.
 * Source: Core src/common/args.cpp, config.cpp.
 */
import { isOptionName, OPTIONS, type OptionName } from './option-table.ts';

/** Told to the user as `Error: …` before anything has started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** One place where values come from: option name to values in order; '0' for a negated one. */
export type SettingSource = ReadonlyMap<string, readonly string[]>;

/** A negated option: everything given before it is forgotten. */
export const NEGATED = '\0negated';

/** `-nofoo` or `-nofoo=1` mean off, `-nofoo=0` means on. Returns the name and the value to keep. */
export function interpretOption(name: string, value: string): { name: string; value: string } {
  if (isOptionName(name) || !name.startsWith('no') || !isOptionName(name.slice(2))) return { name, value };
  return { name: name.slice(2), value: isOn(value) ? NEGATED : '1' };
}

/** Core's InterpretBool: empty and non-zero numbers are true, all else is false. */
function isOn(value: string): boolean {
  return value === '' || Number.parseInt(value, 10) !== 0;
}

/** The single-dash arguments of `bin/bitcoind`: -x, -x=v, -nox, --x. Throws ConfigError for what is no option. */
export function parseDashArguments(args: readonly string[]): SettingSource {
  const source = new Map<string, string[]>();
  for (const arg of args) {
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(arg);
    if (match === null) {
      throw new ConfigError(
        `Error parsing command line arguments: Command line contains unexpected token '${arg}', see bitcoind -h for a list of options.`,
      );
    }
    const { name, value } = interpretOption(match[1]!, match[2] ?? '');
    if (!isOptionName(name) || 'isOurs' in OPTIONS[name]) {
      throw new ConfigError(
        `Error parsing command line arguments: Invalid parameter ${arg.replace(/=.*$/s, '')}`,
      );
    }
    addSetting(source, name, value);
  }
  return source;
}

export function addSetting(source: Map<string, string[]>, name: string, value: string): void {
  const values = source.get(name);
  if (values === undefined) source.set(name, [value]);
  else values.push(value);
}

/** A configuration file: values by section; '' is the part before any section. `section.name=value` works too. */
export function parseConf(text: string): ReadonlyMap<string, SettingSource> {
  const sections = new Map<string, Map<string, string[]>>();
  let section = '';
  for (const [index, rawLine] of text.split('\n').entries()) {
    const line = rawLine.replace(/#.*$/, '').trim();
    if (line === '') continue;
    const header = /^\[(.*)\]$/.exec(line);
    if (header !== null) {
      section = header[1]!.trim();
      continue;
    }
    const at = line.indexOf('=');
    if (at === -1) {
      const hint = line.startsWith('no')
        ? `, if you intended to specify a negated option, use ${line}=1 instead`
        : '';
      throw new ConfigError(
        `Error reading configuration file: parse error on line ${index + 1}: ${line}${hint}`,
      );
    }
    let key = line.slice(0, at).trim();
    if (key.startsWith('-')) {
      throw new ConfigError(
        `Error reading configuration file: parse error on line ${index + 1}: ${line}, options in configuration file must be specified without leading -`,
      );
    }
    let within = section;
    const dot = key.indexOf('.');
    if (dot !== -1) {
      within = key.slice(0, dot);
      key = key.slice(dot + 1);
    }
    const { name, value } = interpretOption(key, line.slice(at + 1).trim());
    if (!isOptionName(name)) {
      throw new ConfigError(`Error reading configuration file: Invalid configuration value ${key}`);
    }
    let values = sections.get(within);
    if (values === undefined) {
      values = new Map();
      sections.set(within, values);
    }
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

  /** Undefined when nobody said anything; false when it was negated. */
  #single(name: OptionName): string | false | undefined {
    const fromLine = this.#sources.commandLine.get(name)?.at(-1);
    const value = fromLine ?? this.#sources.persistent.get(name)?.[0] ?? this.#confValues(name)[0];
    return value === NEGATED ? false : value;
  }

  /** The chain's section first; what stands before any section counts too, unless it is only for mainnet. */
  #confValues(name: OptionName): readonly string[] {
    const { conf } = this.#sources;
    const own = conf.get(this.#section)?.get(name) ?? [];
    if ('isNetworkOnly' in OPTIONS[name] && this.#section !== 'main') return own;
    return [...own, ...(conf.get('')?.get(name) ?? [])];
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

  /** Command line, then settings.json, then file; what was given before a negation is forgotten. */
  list(name: OptionName): string[] {
    const parts = [
      this.#sources.commandLine.get(name) ?? [],
      this.#sources.persistent.get(name) ?? [],
      this.#confValues(name),
    ];
    const values: string[] = [];
    for (const part of parts) {
      const cut = part.lastIndexOf(NEGATED);
      values.push(...part.slice(cut + 1));
      // A negated source hides those below it.
      if (cut !== -1) break;
    }
    return values;
  }
}
