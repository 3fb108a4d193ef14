/**
 * debug.log: append only. Lines look like Core's: time in UTC, category, message. Those of one turn of the event loop are
 * written together, since during a sync there is one for each block; test rigs read the file right after the answer that
 * a line precedes, so whoever answers flushes first.
 */
import fs from 'node:fs';
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { FORMER_LOG_CATEGORY, LOG_CATEGORIES, type Log, type LogCategory } from '../base/log.ts';

/** Characters that are written without waiting for the end of the turn. */
const PENDING_MAX = 64 * 1024;

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
  /** Lines that are not in the file yet. */
  #pending = '';
  /** The second that was last written of, and how. */
  #second = Number.NaN;
  #secondText = '';
  readonly #flushPending = () => this.flush();

  /** Throws the system's error when the file cannot be opened. */
  constructor(options: DebugLogOptions) {
    this.#options = options;
    this.#categories = new Set(options.categories);
    this.#descriptor = options.file === undefined ? undefined : fs.openSync(options.file, 'a', 0o600);
    process.on('exit', this.#flushPending);
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
    this.flush();
    process.off('exit', this.#flushPending);
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** What was said so far is in the file when this returns. */
  flush(): void {
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.#descriptor === undefined) return;
    try {
      fs.writeSync(this.#descriptor, text);
    } catch {
      // A full disk must not stop the node here: what matters is stored elsewhere, and fails there.
    }
  }

  #write(message: string): void {
    const line = `${this.#time(Date.now())} ${message.replace(/[\n\r]+/g, ' ')}\n`;
    if (this.#options.toConsole) process.stdout.write(line);
    if (this.#descriptor === undefined) return;
    if (this.#pending === '') setImmediate(this.#flushPending);
    this.#pending += line;
    if (this.#pending.length > PENDING_MAX) this.flush();
  }

  #time(now: Milliseconds): string {
    const second = Math.floor(now / SECOND_MS);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * SECOND_MS).toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
    }
    if (!this.#options.microseconds) return `${this.#secondText}Z`;
    return `${this.#secondText}.${String(now - second * SECOND_MS).padStart(3, '0')}000Z`;
  }
}
