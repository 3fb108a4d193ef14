/**
 * A folder or file that one process may use at a time. Node has no advisory locks, so a lock is a small file that names
 * its holder: process id, when that process started, and the lock's own inode. It counts only while such a process
 * lives; so what SIGKILL leaves behind, or a copy of the folder made elsewhere, keeps nobody out.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { StoreError } from './errors.ts';

export class LockFile {
  readonly #path: string;
  readonly #inode: number;
  /** The one who held it before has died with it. */
  readonly wasLeftBehind: boolean;
  #isHeld = true;

  constructor(path: string, inode: number, wasLeftBehind: boolean) {
    this.#path = path;
    this.#inode = inode;
    this.wasLeftBehind = wasLeftBehind;
  }

  /** Removes it, unless somebody else's stands there by now. May be called again. */
  release(): void {
    if (this.#isHeld && inodeOf(this.#path) === this.#inode) rmSync(this.#path, { force: true });
    this.#isHeld = false;
  }
}

/** Throws StoreError: 'locked' when another process, or this one, holds it. */
export function acquireLock(path: string): LockFile {
  const mine = `${path}.${process.pid}`;
  try {
    writeFileSync(mine, '', { mode: 0o600 });
    const inode = inodeOf(mine)!;
    writeFileSync(mine, `${process.pid} ${startOf(process.pid)} ${inode}\n`);
    // Two starts at once may both find a dead holder's lock; each link that fails looks anew.
    let wasLeftBehind = false;
    while (!linked(mine, path)) {
      removeDead(path);
      wasLeftBehind = true;
    }
    return new LockFile(path, inode, wasLeftBehind);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError('io', `Cannot write ${path}: ${(error as Error).message}`, { cause: error });
  } finally {
    rmSync(mine, { force: true });
  }
}

/** A hard link appears whole or not at all, and never replaces anything. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function removeDead(path: string): void {
  const inode = inodeOf(path);
  if (inode === undefined) return;
  const [pid = 0, start = 0, of = 0] = readFileSync(path, 'utf8').split(' ').map(Number);
  if (of === inode && pid > 0 && lives(pid, start)) {
    throw new StoreError('locked', `${path} is held by process ${pid}`);
  }
  // By a name of our own first: what was looked at is what goes.
  const aside = `${path}.${process.pid}.old`;
  renameSync(path, aside);
  if (inodeOf(aside) !== inode) linked(aside, path);
  rmSync(aside, { force: true });
}

function lives(pid: number, start: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(pid) === start;
}

/** Process ids are used again, in containers at once; ids with their start are not. 0 where the system does not tell. */
function startOf(pid: number): number {
  try {
    // The name in parentheses may hold anything; field 22 counts from before it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Number(fields[19]);
  } catch {
    return 0;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
