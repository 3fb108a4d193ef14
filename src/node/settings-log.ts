/**
 * What the user has set, line by line, as Core writes it into its log at each start (common/args.cpp, LogArgs): where a
 * setting comes from is the first question when one does not work. Secrets are left out.
 */
import { compactJson } from '../rpc/json-write.ts';
import { OPTIONS, type OptionDeclaration, type OptionName } from './option-table.ts';
import { NEGATED, type SettingSources } from './settings.ts';
import type { StoredSettings } from './settings-file.ts';

const HIDDEN = '****';

export function settingLines(
  { commandLine, conf }: Pick<SettingSources, 'commandLine' | 'conf'>,
  stored: StoredSettings,
): string[] {
  const lines: string[] = [];
  const tell = (where: string, settings: ReadonlyMap<string, readonly string[]>) => {
    for (const [name, values] of settings) {
      const { isSecret }: OptionDeclaration = OPTIONS[name as OptionName];
      for (const value of values)
        lines.push(`${where}${name}=${isSecret ? HIDDEN : value === NEGATED ? 'false' : compactJson(value)}`);
    }
  };
  for (const [section, settings] of conf)
    tell(`Config file arg: ${section === '' ? '' : `[${section}] `}`, settings);
  for (const [name, value] of stored) {
    const isSecret = Object.hasOwn(OPTIONS, name) && 'isSecret' in OPTIONS[name as OptionName];
    lines.push(`Setting file arg: ${name} = ${isSecret ? HIDDEN : compactJson(value)}`);
  }
  tell('Command-line arg: ', commandLine);
  return lines;
}
