/** The option table as yargs wants it, and what yargs found as settings. */
import type { Argv, Options } from 'yargs';
import { OPTIONS, type OptionDeclaration, type OptionName } from '../node/option-table.ts';
import { addSetting, NEGATED, type SettingSource } from '../node/settings.ts';

/** Which chain, and where: what every command takes. */
export const CHAIN_OPTIONS = [
  'chain',
  'network',
  'regtest',
  'signet',
  'testnet',
  'testnet4',
  'genesis',
  'datadir',
  'conf',
] as const satisfies readonly OptionName[];

/** Declares the options `names`, or all; those without help text are accepted and not shown. */
export function withNodeOptions<T>(
  argv: Argv<T>,
  names: readonly OptionName[] = Object.keys(OPTIONS) as OptionName[],
): Argv<T> {
  for (const name of names) {
    const { kind, help }: OptionDeclaration = OPTIONS[name];
    const option: Options = {
      // Numbers stay text here: settings read them, with one kind of error for all sources.
      ...(kind === 'flag'
        ? { type: 'boolean' }
        : kind === 'list'
          ? { type: 'array', string: true }
          : { type: 'string' }),
      ...(help === undefined ? { hidden: true } : { describe: help }),
    };
    argv.option(name, option);
  }
  return argv;
}

/** Flags as Core's users write them, `--listen=0` and `--listen=1`, in the words that yargs knows. */
export function withPlainFlags(args: readonly string[]): string[] {
  return args.map(arg => {
    const [, name, value] = /^--([a-z0-9-]+)=([01])$/.exec(arg) ?? [];
    if (name === undefined || !isFlag(name)) return arg;
    return value === '1' ? `--${name}` : `--no-${name}`;
  });
}

function isFlag(name: string): boolean {
  return Object.hasOwn(OPTIONS, name) && OPTIONS[name as OptionName].kind === 'flag';
}

export function settingsFrom(argv: Readonly<Record<string, unknown>>): SettingSource {
  const source = new Map<string, string[]>();
  for (const name of Object.keys(OPTIONS)) {
    const value = argv[name];
    if (value === undefined) continue;
    if (value === false) addSetting(source, name, NEGATED);
    else if (value === true) addSetting(source, name, '1');
    else if (Array.isArray(value)) {
      // A bare `--seed` is a list without members: asked for, nothing named.
      if (value.length === 0) addSetting(source, name, '');
      for (const each of value) addSetting(source, name, String(each));
    } else addSetting(source, name, String(value));
  }
  return source;
}
