/**
 * Reads JSON exactly as strictly as Core's univalue does: RFC 8259, valid UTF-8, no lone surrogates, at most 512 open
 * brackets; the text of numbers, the order of members and duplicates are kept.
 */
import { JsonNumber, type JsonValue, ParsedObject } from './json.ts';

/** Open brackets at most (univalue: MAX_JSON_DEPTH). */
const DEPTH_MAX = 512;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
/** Up to the next quote, escape or control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be excluded
const PLAIN_TEXT = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;
const KEYWORDS = [
  ['null', null],
  ['true', true],
  ['false', false],
] as const;

/** undefined unless `bytes` are one JSON value in UTF-8, with nothing but white space around it. */
export function parseJsonBytes(bytes: Uint8Array): JsonValue | undefined {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    return undefined;
  }
  return parseJson(text);
}

/** undefined unless `text` is one JSON value. */
export function parseJson(text: string): JsonValue | undefined {
  return new Parser(text).whole();
}

/** A cursor; each method returns undefined where the grammar is not followed. */
class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): JsonValue | undefined {
    const value = this.#value();
    this.#skipSpace();
    return this.#at === this.#text.length ? value : undefined;
  }

  #value(): JsonValue | undefined {
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#nested(() => this.#object());
      case '[':
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case 'n':
      case 't':
      case 'f':
        return this.#keyword();
      default:
        return this.#number();
    }
  }

  #nested<T>(read: () => T | undefined): T | undefined {
    if (this.#depth >= DEPTH_MAX) return undefined;
    this.#depth += 1;
    this.#at += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #object(): ParsedObject | undefined {
    const members: [string, JsonValue][] = [];
    if (this.#take('}')) return new ParsedObject(members);
    for (;;) {
      this.#skipSpace();
      const name = this.#string();
      if (name === undefined || !this.#take(':')) return undefined;
      const value = this.#value();
      if (value === undefined) return undefined;
      members.push([name, value]);
      if (this.#take('}')) return new ParsedObject(members);
      if (!this.#take(',')) return undefined;
    }
  }

  #array(): JsonValue[] | undefined {
    const items: JsonValue[] = [];
    if (this.#take(']')) return items;
    for (;;) {
      const value = this.#value();
      if (value === undefined) return undefined;
      items.push(value);
      if (this.#take(']')) return items;
      if (!this.#take(',')) return undefined;
    }
  }

  #string(): string | undefined {
    const start = this.#at;
    if (this.#text[start] !== '"') return undefined;
    this.#at += 1;
    const plain = this.#match(PLAIN_TEXT)!;
    if (this.#text[this.#at] === '"') {
      this.#at += 1;
      return plain;
    }
    while (this.#match(ESCAPE) !== undefined) this.#match(PLAIN_TEXT);
    if (this.#text[this.#at] !== '"') return undefined;
    this.#at += 1;
    const value = JSON.parse(this.#text.slice(start, this.#at)) as string;
    return LONE_SURROGATE.test(value) ? undefined : value;
  }

  #number(): JsonNumber | undefined {
    const text = this.#match(NUMBER);
    // A digit may not follow a leading zero; whatever else follows, the next token refuses.
    if (text === undefined || /\d/.test(this.#text[this.#at] ?? '')) return undefined;
    return new JsonNumber(text);
  }

  #keyword(): null | boolean | undefined {
    for (const [word, value] of KEYWORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return undefined;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }
}
