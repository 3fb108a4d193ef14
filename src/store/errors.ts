/** What a store says when it cannot be opened, read or written. Shared by the stores and the block files. */

/**
 * - `locked`: another process has it open.
 * - `corrupted`: what is on disk is not what was written.
 * - `foreign`: written by another program, so nothing of it was touched.
 * - `io`: the disk or the system refused (full, unplugged, no permission).
 */
export type StoreErrorCode = 'locked' | 'corrupted' | 'foreign' | 'io';

/** The node cannot go on with this storage; what was written before is still there. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A database opens, but one of its files holds other bytes than were written: it cannot be read. */
export class DamagedDatabaseError extends StoreError {
  constructor(message: string) {
    super('corrupted', message);
  }
}

/** What files, folders or the system refuse while `act` runs, as StoreError 'io' that names `path`. */
export function guarded<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw ioError(path, error);
  }
}

export function ioError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const cause = error instanceof Error ? error.message : String(error);
  return new StoreError('io', `Cannot use ${path}: ${cause}`, { cause: error });
}
