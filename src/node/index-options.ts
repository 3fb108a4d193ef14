/** Which indexes the user wants. */
import type { IndexesOptions, IndexName } from './indexes.ts';
import { ConfigError, type Settings } from './settings.ts';

const FILTER_TYPES = ['basic'] as const;

/** Throws ConfigError. */
export function enabledIndexes(settings: Settings): IndexesOptions['enabled'] {
  const enabled = new Set<IndexName>();
  if (settings.flag('txindex', false)) enabled.add('tx');
  if (settings.flag('coinstatsindex', false)) enabled.add('coinstats');
  if (settings.flag('txospenderindex', false)) enabled.add('txospender');
  for (const type of filterTypes(settings)) enabled.add(`${type}filter`);
  // What these point to lies in the blocks.
  if (settings.number('prune', 0) !== 0) {
    if (enabled.has('tx')) throw new ConfigError('Prune mode is incompatible with -txindex.');
    if (enabled.has('txospender')) throw new ConfigError('Prune mode is incompatible with -txospenderindex.');
  }
  return enabled;
}

/** `-blockfilterindex` alone or 1: all types; 0: none; else their names. */
function filterTypes(settings: Settings): readonly (typeof FILTER_TYPES)[number][] {
  const names = settings.list('blockfilterindex');
  const last = names.at(-1);
  if (last === undefined || last === '0') return [];
  if (last === '' || last === '1') return FILTER_TYPES;
  return names.map(name => {
    const type = FILTER_TYPES.find(known => known === name);
    if (type === undefined) throw new ConfigError(`Unknown -blockfilterindex value ${name}.`);
    return type;
  });
}
