/** `-asmap=FILE`: the map of autonomous systems (Core: AppInitMain in src/init.cpp). Throws ConfigError. */
import fs from 'node:fs';
import path from 'node:path';
import { AsMap } from '../p2p/as-map.ts';
import { DecodeError } from '../wire/codec.ts';
import type { NodeConfig } from './config.ts';
import { ConfigError } from './settings.ts';

/** A relative path is of the chain's directory; undefined: groups go without one. */
export function loadAsMap({
  settings,
  directory,
}: Pick<NodeConfig, 'settings' | 'directory'>): AsMap | undefined {
  if (!settings.isSet('asmap') || settings.isNegated('asmap')) return undefined;
  const text = settings.text('asmap') ?? '';
  // No file was named, and there is no map inside the program.
  if (text === '' || (Number.parseInt(text, 10) !== 0 && /^\s*[+-]?\d/.test(text)))
    throw new ConfigError('Embedded asmap data not available');
  const file = path.resolve(directory, text);
  if (!fs.existsSync(file)) throw new ConfigError(`Could not find asmap file "${file}"`);
  try {
    return new AsMap(fs.readFileSync(file));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new ConfigError(`Could not parse asmap file "${file}"`);
  }
}
