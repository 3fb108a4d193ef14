/** Making the folders that a node lives in. */
import fs from 'node:fs';
import { ConfigError } from './settings.ts';

/** Throws ConfigError. */
export function makeDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    fs.accessSync(directory, fs.constants.W_OK);
  } catch (error) {
    throw new ConfigError(`Cannot write to the data directory ${directory}: ${(error as Error).message}`);
  }
}
