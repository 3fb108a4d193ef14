/**
 * What Tor says on its control port (https://spec.torproject.org/control-spec; Core: src/torcontrol.cpp): bytes in, replies
 * out. A reply is one line or several, each `<code><separator><text>`; a space for the separator makes it the last one.
 * Texts are latin1, a character for each byte: paths in them are bytes too.
 */
import { ByteQueue } from '../wire/byte-queue.ts';
import { DecodeError } from '../wire/codec.ts';

/** Bytes of a line without its line feed. The protocol has no limit (Core: MAX_LINE_LENGTH). */
const LINE_BYTES_MAX = 100_000;
/** Lines of one reply (Core: MAX_LINE_COUNT). */
const LINES_MAX = 1_000;
/** Three digits and a separator; what is shorter says nothing. */
const HEAD_CHARACTERS = 4;
const LINE_FEED = 10;

export interface TorReply {
  /** That of the last line; 0: none. */
  readonly code: number;
  readonly lines: readonly string[];
}

export class TorReplyReader {
  /** The line that has no end yet. */
  readonly #line = new ByteQueue();
  #lines: string[] = [];

  /** Replies as they become whole. Throws DecodeError when Tor says too much: nothing is read after that. */
  *push(chunk: Uint8Array): Generator<TorReply> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#append(chunk.subarray(start, end));
      start = end + 1;
      const reply = this.#endLine();
      if (reply !== undefined) yield reply;
    }
    this.#append(chunk.subarray(start));
  }

  #append(bytes: Uint8Array): void {
    this.#line.push(bytes);
    if (this.#line.length > LINE_BYTES_MAX)
      throw new DecodeError(`A line of the control port exceeds ${LINE_BYTES_MAX} bytes`);
  }

  #endLine(): TorReply | undefined {
    const line = Buffer.from(this.#line.take(this.#line.length)).toString('latin1').replace(/\r$/, '');
    if (this.#lines.length === LINES_MAX)
      throw new DecodeError(`A reply of the control port exceeds ${LINES_MAX} lines`);
    if (line.length < HEAD_CHARACTERS) return undefined;
    const lines = this.#lines;
    lines.push(line.slice(HEAD_CHARACTERS));
    if (line[HEAD_CHARACTERS - 1] !== ' ') return undefined;
    this.#lines = [];
    const code = line.slice(0, HEAD_CHARACTERS - 1);
    return { code: /^\d{3}$/.test(code) ? Number(code) : 0, lines };
  }
}

/** `AUTH METHODS=NULL`: what it is about, and what is said of that. */
export function splitReplyLine(line: string): { readonly type: string; readonly rest: string } {
  const space = line.indexOf(' ');
  return space === -1
    ? { type: line, rest: '' }
    : { type: line.slice(0, space), rest: line.slice(space + 1) };
}

/** A key, and a value with quotation marks, in which a backslash takes the next character along, or without. */
const PAIR = /([^= ]*)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|(?!")([^ ]*)) ?/sy;
/** Of three octal digits the first is one of 0 to 3: 400 is 40 and a 0. */
const ESCAPE = /\\([0-3][0-7]{2}|[0-7]{1,2}|.)/gs;
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/**
 * `METHODS=COOKIE,SAFECOOKIE COOKIEFILE="/a b"`, up to the first word that is no pair. Empty when a quotation mark is missing
 * or the last word is no pair: then nothing of it can be relied on.
 */
export function parseReplyPairs(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    PAIR.lastIndex = at;
    const match = PAIR.exec(text);
    if (match === null) return isWordWithMoreBehind(text.slice(at)) ? pairs : new Map();
    const [whole, key, quoted, plain] = match;
    pairs.set(key!, quoted === undefined ? plain! : unescaped(quoted));
    at += whole.length;
  }
  return pairs;
}

function isWordWithMoreBehind(text: string): boolean {
  return /^[^= ]* /.test(text);
}

/** As C has it, and any other character stands for itself (control-spec, 2.1.1). */
function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, escaped: string) =>
    /^[0-7]/.test(escaped)
      ? String.fromCharCode(Number.parseInt(escaped, 8))
      : (CONTROLS[escaped] ?? escaped),
  );
}

/** A text between quotation marks, of which nothing ends the text or the line. */
export function quoted(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replaceAll('\r', '\\r').replaceAll('\n', '\\n');
  return `"${escaped}"`;
}
