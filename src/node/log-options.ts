/** What the user said about the log (Core: init/common.cpp). Throws ConfigError. */
import path from 'node:path';
import { FORMER_LOG_CATEGORY, LOG_CATEGORIES, type LogCategory } from '../base/log.ts';
import type { NodeConfig } from './config.ts';
import { DebugLog } from './debug-log.ts';
import { ConfigError, type Settings } from './settings.ts';

const LOG_LEVELS: ReadonlySet<string> = new Set(['info', 'debug', 'trace']);

/** Undefined with `-nodebuglogfile`. */
export function logFile({ settings, directory }: NodeConfig): string | undefined {
  if (settings.isNegated('debuglogfile') || settings.text('debuglogfile') === '0') return undefined;
  return path.resolve(directory, settings.text('debuglogfile') ?? 'debug.log');
}

/** Opens it. */
export function openLog(config: NodeConfig): DebugLog {
  const { settings, persona } = config;
  checkLevels(settings);
  const categories = wantedCategories(settings);
  const file = logFile(config);
  try {
    return new DebugLog({
      file,
      toConsole: settings.flag('printtoconsole', persona === 'hearsay' && process.stdout.isTTY === true),
      categories,
      microseconds: settings.flag('logtimemicros', false),
    });
  } catch (error) {
    throw new ConfigError(`Could not open debug log file ${file}: ${(error as Error).message}`);
  }
}

/** What stands before `-debug=0` or `-debug=none` does not count, whatever it is. */
export function wantedCategories(settings: Settings): Set<LogCategory> {
  const named = settings.list('debug');
  const from = Math.max(named.lastIndexOf('0'), named.lastIndexOf('none')) + 1;
  const wanted = new Set<LogCategory>();
  for (const name of named.slice(from)) {
    for (const category of categoriesOf('debug', name)) wanted.add(category);
  }
  for (const name of settings.list('debugexclude')) {
    for (const category of categoriesOf('debugexclude', name)) wanted.delete(category);
  }
  return wanted;
}

function categoriesOf(option: 'debug' | 'debugexclude', name: string): readonly LogCategory[] {
  if (name === '' || name === '1' || name === 'all') return LOG_CATEGORIES;
  if (name === FORMER_LOG_CATEGORY) return [];
  const category = LOG_CATEGORIES.find(known => known === name);
  if (category === undefined) throw new ConfigError(`Unsupported logging category -${option}=${name}.`);
  return [category];
}

/** Levels make no difference here; what is none is refused all the same. */
function checkLevels(settings: Settings): void {
  const levels = [...LOG_LEVELS].join(', ');
  for (const text of settings.list('loglevel')) {
    const parts = text.split(':');
    if (parts.length === 1 && !LOG_LEVELS.has(text)) {
      throw new ConfigError(`Unsupported global logging level -loglevel=${text}. Valid values: ${levels}.`);
    }
    const [category, level] = parts;
    const isKnown = LOG_CATEGORIES.some(known => known === category) && LOG_LEVELS.has(level ?? '');
    if (parts.length > 1 && (parts.length > 2 || !isKnown)) {
      throw new ConfigError(
        `Unsupported category-specific logging level -loglevel=${text}. Expected -loglevel=<category>:<loglevel>. Valid categories: ${LOG_CATEGORIES.join(', ')}. Valid loglevels: ${levels}.`,
      );
    }
  }
}
