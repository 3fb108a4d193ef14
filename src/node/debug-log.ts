/**
 * debug.log: append only, each line on its way to the disk before the call returns, because test rigs read the file
 * right after the answer that the line precedes. Lines look like Core's: time in UTC, category, message.
 */
import fs from 'node:fs';
import { FORMER_LOG_CATEGORY, LOG_CATEGORIES, type Log, type LogCategory } from '../base/log.ts';

export interface DebugLogOptions {
  /** Undefined with `-nodebuglogfile`. */
  readonly file: string | undefined;
  /** Also to standard output (`-printtoconsole`). */
  readonly toConsole: boolean;
  /** Categories wanted; `-debug` and `-debug=1` mean all. */
  readonly categories: ReadonlySet<LogCategory>;
  /** Microseconds in the time of each line. */
  readonly microseconds: boolean;
}

export class DebugLog implements Log {
  readonly #categories: Set<LogCategory>;
  readonly #options: DebugLogOptions;
  #descriptor: number | undefined;

  /** Throws the system's error when the file cannot be opened. */
  constructor(options: DebugLogOptions) {
    this.#options = options;
    this.#categories = new Set(options.categories);
    this.#descriptor = options.file === undefined ? undefined : fs.openSync(options.file, 'a', 0o600);
  }

  info(message: string): void {
    this.#write(message);
  }

  warn(message: string): void {
    this.#write(`[warning] ${message}`);
  }

  debug(category: LogCategory, message: () => string): void {
    if (this.#categories.has(category)) this.#write(`[${category}] ${message()}`);
  }

  /** Which categories are on, for the `logging` RPC. */
  categories(): Record<LogCategory, boolean> {
    return Object.fromEntries(LOG_CATEGORIES.map(name => [name, this.#categories.has(name)])) as Record<
      LogCategory,
      boolean
    >;
  }

  /** A name that is no category changes nothing. */
  enable(name: string, isOn: boolean): void {
    if (name === FORMER_LOG_CATEGORY) {
      this.warn(
        `The logging category \`${name}\` is deprecated, does nothing, and will be removed in a future version`,
      );
    }
    for (const category of LOG_CATEGORIES) {
      if (category !== name) continue;
      if (isOn) this.#categories.add(category);
      else this.#categories.delete(category);
    }
  }

  /** May be called again: a start that fails is taken down wherever it had got to. */
  close(): void {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #write(message: string): void {
    const iso = new Date().toISOString();
    const time = this.#options.microseconds ? iso.replace('Z', '000Z') : `${iso.slice(0, 19)}Z`;
    const line = `${time} ${message.replace(/[\n\r]+/g, ' ')}\n`;
    if (this.#descriptor !== undefined) {
      try {
        fs.writeSync(this.#descriptor, line);
      } catch {
        // A full disk must not stop the node here: what matters is stored elsewhere, and fails there.
      }
    }
    if (this.#options.toConsole) process.stdout.write(line);
  }
}
