/** What Tor says, as replies and their parts; the pairs are those of Core's torcontrol_tests.cpp. */
import { describe, expect, test } from 'vitest';
import { parseReplyPairs, quoted, splitReplyLine, TorReplyReader } from '../../../src/net/tor-reply.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

/** `code text|text` of each reply. */
function read(...chunks: readonly string[]): string[] {
  const reader = new TorReplyReader();
  return chunks.flatMap(chunk =>
    [...reader.push(bytes(chunk))].map(({ code, lines }) => `${code} ${lines.join('|')}`),
  );
}

describe('replies', () => {
  test.each([
    ['250 OK\r\n', ['250 OK']],
    ['250 OK\n', ['250 OK']],
    ['250-a=1\r\n250+b\r\n250 OK\r\n510 no\r\n', ['250 a=1|b|OK', '510 no']],
    ['250 \r\n', ['250 ']],
    // The last line has the say; what is no code is 0.
    ['250-a\r\n512 b\r\n', ['512 a|b']],
    ['abc d\r\n', ['0 d']],
    // Too short for a code and a separator.
    ['250\r\n.\r\n\r\n250 OK\r\n', ['250 OK']],
    ['650 CIRC \xff\r\n', ['650 CIRC \xff']],
    ['250 OK', []],
    ['250 OK\r', []],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected);
    expect(read(...text)).toEqual(expected);
  });

  const line = (length: number) => `250-${'A'.repeat(length - 5)}\r`;
  test.each([
    ['a line of 100000 bytes', `${line(100_000)}\n250 OK\r\n`, 1],
    ['a line of 100001 bytes', `${line(100_001)}\n250 OK\r\n`, 'exceeds 100000 bytes'],
    ['a line without end', 'A'.repeat(100_001), 'exceeds 100000 bytes'],
    ['1000 lines', `${'250-more\r\n'.repeat(999)}250 OK\r\n`, 1],
    ['1001 lines', `${'250-more\r\n'.repeat(1_000)}250 OK\r\n`, 'exceeds 1000 lines'],
  ])('%s', (_, text, expected) => {
    for (const chunks of [[text], text.match(/.{1,4096}/gs)!]) {
      if (typeof expected === 'string') expect(() => read(...chunks)).toThrow(expected);
      else expect(read(...chunks).length).toBe(expected);
    }
  });

  test('what came before too much was said is a reply', () => {
    const replies = new TorReplyReader().push(bytes(`250 OK\r\n${'A'.repeat(100_001)}`));
    expect(replies.next().value).toEqual({ code: 250, lines: ['OK'] });
    expect(() => replies.next()).toThrow('exceeds');
  });
});

test.each([
  ['PROTOCOLINFO PIVERSION', 'PROTOCOLINFO', 'PIVERSION'],
  ['AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="/a/b"', 'AUTH', 'METHODS=COOKIE,SAFECOOKIE COOKIEFILE="/a/b"'],
  ['VERSION Tor="0.2.9.8 (git-a0)"', 'VERSION', 'Tor="0.2.9.8 (git-a0)"'],
  ['COMMAND', 'COMMAND', ''],
  ['COMMAND SOME  ARGS', 'COMMAND', 'SOME  ARGS'],
  ['COMMAND  ARGS', 'COMMAND', ' ARGS'],
  ['', '', ''],
])('%s', (line, type, rest) => expect(splitReplyLine(line)).toEqual({ type, rest }));

describe('pairs', () => {
  test.each<[string, Record<string, string>]>([
    ['METHODS=COOKIE,SAFECOOKIE COOKIEFILE="/home/x/.tor/c"', { METHODS: 'COOKIE,SAFECOOKIE', COOKIEFILE: '/home/x/.tor/c' }],
    ['METHODS=NULL', { METHODS: 'NULL' }],
    ['Tor="0.2.9.8 (git-a0df013ea241b026)"', { Tor: '0.2.9.8 (git-a0df013ea241b026)' }],
    ['SERVERHASH=aaaa SERVERNONCE=bbbb', { SERVERHASH: 'aaaa', SERVERNONCE: 'bbbb' }],
    ['PrivateKey=ED25519-V3:BLOB', { PrivateKey: 'ED25519-V3:BLOB' }],
    ['Foo=Bar=Baz Spam=Eggs', { Foo: 'Bar=Baz', Spam: 'Eggs' }],
    ['Foo="Bar=Baz"', { Foo: 'Bar=Baz' }],
    ['Foo="Bar Baz"', { Foo: 'Bar Baz' }],
    ['Foo= Spam=""', { Foo: '', Spam: '' }],
    // A backslash takes along what follows.
    [String.raw`Foo="Bar\ Baz"`, { Foo: 'Bar Baz' }],
    [String.raw`Foo="Bar\Baz"`, { Foo: 'BarBaz' }],
    [String.raw`Foo="Bar\@Baz"`, { Foo: 'Bar@Baz' }],
    [String.raw`Foo="Bar\"Baz" Spam="\"Eggs\""`, { Foo: 'Bar"Baz', Spam: '"Eggs"' }],
    [String.raw`Foo="Bar\\Baz"`, { Foo: String.raw`Bar\Baz` }],
    [String.raw`Valid=Mapping Escaped="Escape\\"`, { Valid: 'Mapping', Escaped: 'Escape\\' }],
    // As C has it.
    [String.raw`Foo="Bar\nBaz\t" Spam="\rEggs"`, { Foo: 'Bar\nBaz\t', Spam: '\rEggs' }],
    [
      String.raw`Octals="\1a\11\17\18\81\377\378\400\2222" Final=Check`,
      { Octals: '\x01a\x09\x0f\x018' + '81\xff\x1f8\x200\x922', Final: 'Check' },
    ],
    [String.raw`OneOctal="OneEnd\1" TwoOctal="TwoEnd\11"`, { OneOctal: 'OneEnd\x01', TwoOctal: 'TwoEnd\x09' }],
    [String.raw`Null="\0"`, { Null: '\0' }],
    // Other words than pairs end it; without any before, nothing was said.
    ['SOME=args,here MORE optional=arguments  here', { SOME: 'args,here' }],
    ['ARGS', {}],
    ['MORE ARGS', {}],
    ['MORE  ARGS', {}],
    ['EVEN more=ARGS', {}],
    ['EVEN+more ARGS', {}],
    ['SOME=args MORE', {}],
    [String.raw`Valid=Mapping Bare="Escape\"`, {}],
    ['Valid=Mapping Open="never closed', {}],
  ])('%s', (text, expected) => {
    expect(Object.fromEntries(parseReplyPairs(text))).toEqual(expected);
  }); // biome-ignore format: a table

  test('a text of ours comes back as it was', () => {
    for (const text of ['', 'plain', 'a "b" c', String.raw`\n \\ \"`, '\r\n250 OK', 'ü']) {
      expect(quoted(text)).not.toMatch(/[\r\n]/);
      expect(parseReplyPairs(`X=${quoted(text)}`).get('X')).toBe(text);
    }
  });

  test('a long text takes no longer than it is', () => {
    const text = `A="${'\\x'.repeat(40_000)}`;
    expect(parseReplyPairs(text).size).toBe(0);
    expect(parseReplyPairs(`${text}"`).get('A')!.length).toBe(40_000);
  });
});
