/** Where `../shared` is; apart from shared.ts, because benchmarks run without vitest. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute; beside the repository, whether this runs from `test/` or from `dist/test/`. It need not exist. */
export const SHARED_FOLDER = findShared();

function findShared(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, '..', 'shared');
}
