/**
 * Help text from a declaration, in the layout that Core's `help` has (rpc/util.cpp: Sections, RPCArg::ToString,
 * RPCResult::ToSections): its first line tells the arguments, which tests and people compare.
 */

import type { JsonOut } from './json.ts';
import { compactJson } from './json-write.ts';
import type { BoundMethod, ResultDoc } from './method.ts';
import { isOptional, type Param, paramNames } from './param.ts';

type Declaration = Pick<BoundMethod, 'name' | 'description' | 'params' | 'results' | 'examples'>;

/** Columns between the longest left part and the descriptions. */
const COLUMN_GAP = 4;

/** All of it: summary, description, arguments, results, examples. */
export function methodHelp(method: Declaration): string {
  let text = `${methodSummary(method)}\n\n${method.description.trim()}\n`;
  const args = new Sections();
  const named = new Sections();
  shown(method.params).forEach((param, i) => {
    args.push(`${i + 1}. ${firstName(param)}`, describe(param, 'member'));
    pushParam(args, param, 5, 'top');
    if (param.type !== 'namedOptions') return;
    for (const field of param.fields ?? []) {
      named.push(firstName(field), describe(field, 'member'));
      pushParam(named, field, 5, 'top');
    }
  });
  if (!args.isEmpty) text += `\nArguments:\n${args.toText()}`;
  if (!named.isEmpty) text += `\nNamed Arguments:\n${named.toText()}`;
  for (const result of method.results) {
    if (result.type === 'any') continue;
    const sections = new Sections();
    pushResult(sections, result, 0, 'top');
    text += `\nResult${result.condition ? ` (${result.condition})` : ''}:\n${sections.toText()}`;
  }
  if (method.examples.length > 0) {
    const examples = method.examples.map(
      args => exampleCli(method.name, args) + exampleHttp(method.name, args),
    );
    text += `\nExamples:\n${examples.join('')}`;
  }
  return text;
}

/** `name "required" ( optional )`. */
export function methodSummary(method: Declaration): string {
  let text = method.name;
  let inOptional = false;
  for (const param of shown(method.params)) {
    const optional = isOptional(param);
    text += ' ';
    if (optional && !inOptional) text += '( ';
    if (!optional && inOptional) text += ') ';
    inOptional = optional;
    text += placeholder(param, 'line');
  }
  return inOptional ? `${text} )` : text;
}

/** The list that `help` without argument answers: one block a category. */
export function helpList(methods: Iterable<BoundMethod>): string {
  const visible = [...methods].filter(method => method.category !== 'hidden');
  const keyed = visible.map(method => ({ key: method.category + method.name, method }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  const blocks = new Map<string, string[]>();
  for (const { method } of keyed) {
    const lines = blocks.get(method.category) ?? [];
    lines.push(methodSummary(method));
    blocks.set(method.category, lines);
  }
  const title = (category: string) => `== ${category[0]!.toUpperCase()}${category.slice(1)} ==`;
  return [...blocks].map(([category, lines]) => [title(category), ...lines].join('\n')).join('\n\n');
}

/** Lines of two columns. */
class Sections {
  readonly #lines: [left: string, right: string][] = [];

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  push(left: string, right: string): void {
    this.#lines.push([left, right]);
  }

  /** The comma after the last entry of a container goes. */
  dropLastComma(): void {
    const last = this.#lines.at(-1)!;
    last[0] = last[0].replace(/,$/, '');
  }

  toText(): string {
    const pad = Math.max(0, ...this.#lines.map(([left]) => left.length)) + COLUMN_GAP;
    const lines = this.#lines.map(([left, right]) =>
      right === '' ? left : left.padEnd(pad) + right.replaceAll(/\n */g, `\n${' '.repeat(pad)}`),
    );
    return lines.map(line => `${line}\n`).join('');
  }
}

/** Where something stands: alone, as an element of an array, as a member of an object. */
type Place = 'top' | 'element' | 'member';

function shown(params: readonly Param[]): readonly Param[] {
  const hidden = params.findIndex(param => param.hidden === true);
  return hidden < 0 ? params : params.slice(0, hidden);
}

function firstName(param: Param): string {
  return paramNames(param)[0]!;
}

function placeholder(param: Param, style: 'line' | 'block'): string {
  if (style === 'line' && param.oneLine !== undefined) return param.oneLine;
  const fields = param.fields ?? [];
  switch (param.type) {
    case 'string':
    case 'hex':
      return `"${firstName(param)}"`;
    case 'object':
      return `{${fields.map(field => memberPlaceholder(field, style)).join(',')}}`;
    case 'namedOptions':
    case 'userKeys':
      return `{${fields.map(field => memberPlaceholder(field, style)).join(',')},...}`;
    case 'array':
      return `[${fields.map(field => `${placeholder(field, style)},`).join('')}...]`;
    case 'number':
    case 'range':
    case 'amount':
    case 'boolean':
      return firstName(param);
  }
}

const MEMBER_VALUES = {
  string: '"str"',
  hex: '"hex"',
  number: 'n',
  range: 'n or [n,n]',
  amount: 'amount',
  boolean: 'bool',
  object: '{}',
  namedOptions: '{}',
  userKeys: '{}',
} as const;

function memberPlaceholder(param: Param, style: 'line' | 'block'): string {
  const key = `"${firstName(param)}":${style === 'line' ? '' : ' '}`;
  if (param.type !== 'array') return key + MEMBER_VALUES[param.type];
  return `${key}[${(param.fields ?? []).map(field => `${placeholder(field, style)},`).join('')}...]`;
}

function pushParam(sections: Sections, param: Param, indent: number, place: Place): void {
  const space = ' '.repeat(indent);
  const key = place === 'member' ? `"${firstName(param)}": ` : '';
  const separator = place === 'top' ? '' : ',';
  const right = place === 'top' ? '' : describe(param, place);
  const fields = param.fields ?? [];
  if (param.type === 'array') {
    sections.push(`${space}${key}[`, right);
    for (const field of fields) pushParam(sections, field, indent + 2, 'element');
    sections.push(`${space}  ...`, '');
    sections.push(`${space}]${separator}`, '');
  } else if (param.type === 'object' || param.type === 'userKeys') {
    sections.push(`${space}${key}{`, right);
    for (const field of fields) pushParam(sections, field, indent + 2, 'member');
    if (param.type === 'userKeys') sections.push(`${space}  ...`, '');
    sections.push(`${space}}${separator}`, '');
  } else if (place !== 'top') {
    const left =
      place === 'element'
        ? placeholder(param, 'block')
        : param.typeText
          ? key + param.typeText[0]
          : memberPlaceholder(param, 'block');
    sections.push(`${space}${left},`, right);
  }
}

const PARAM_TYPE_NAMES: Readonly<Record<Param['type'], string>> = {
  string: 'string',
  hex: 'string',
  number: 'numeric',
  amount: 'numeric or string',
  range: 'numeric or array',
  boolean: 'boolean',
  object: 'json object',
  namedOptions: 'json object',
  userKeys: 'json object',
  array: 'json array',
};

function describe(param: Param, place: Place): string {
  let text = `(${param.typeText?.[1] ?? PARAM_TYPE_NAMES[param.type]}`;
  if (param.defaultHint !== undefined) text += `, optional, default=${param.defaultHint}`;
  else if (param.default !== undefined) text += `, optional, default=${compactJson(param.default)}`;
  else if (!isOptional(param)) text += ', required';
  else if (place === 'member') text += ', optional';
  text += ')';
  if (param.type === 'namedOptions') {
    text += ' Options object that can be used to pass named arguments, listed below.';
  }
  return param.doc ? `${text} ${param.doc}` : text;
}

const RESULT_VALUES = {
  null: ['null', 'json null'],
  string: ['"str"', 'string'],
  hex: ['"hex"', 'string'],
  amount: ['n', 'numeric'],
  number: ['n', 'numeric'],
  time: ['xxx', 'numeric'],
  boolean: ['true|false', 'boolean'],
} as const;

function pushResult(sections: Sections, result: ResultDoc, indent: number, place: Place): void {
  const space = ' '.repeat(indent);
  const key = place === 'member' ? `"${result.name}" : ` : '';
  const separator = place === 'top' ? '' : ',';
  const about = (type: string) =>
    `(${type}${result.optional ? ', optional' : ''})${result.doc === '' ? '' : ` ${result.doc}`}`;
  const fields = result.fields ?? [];
  switch (result.type) {
    case 'any':
      return;
    case 'elision':
      sections.push(`${space}...${separator}`, result.doc);
      return;
    case 'array':
    case 'fixedArray':
    case 'object':
    case 'userKeys': {
      const isArray = result.type === 'array' || result.type === 'fixedArray';
      const type = isArray ? 'json array' : 'json object';
      if (fields.length === 0) {
        sections.push(
          `${space}${key}${isArray ? '[]' : '{}'}${separator}`,
          about(`empty ${isArray ? 'JSON array' : 'JSON object'}`),
        );
        return;
      }
      sections.push(`${space}${key}${isArray ? '[' : '{'}`, about(type));
      for (const field of fields) pushResult(sections, field, indent + 2, isArray ? 'element' : 'member');
      const goesOn = result.type === 'array' || result.type === 'userKeys';
      if (goesOn && fields.at(-1)!.type !== 'elision') sections.push(`${space}  ...`, '');
      else sections.dropLastComma();
      sections.push(`${space}${isArray ? ']' : '}'}${separator}`, '');
      return;
    }
    default: {
      const [value, type] = RESULT_VALUES[result.type];
      sections.push(`${space}${key}${value}${separator}`, about(type));
    }
  }
}

function exampleCli(method: string, args: readonly JsonOut[]): string {
  const words = args.map(arg => shellWord(typeof arg === 'string' ? arg : compactJson(arg)));
  return `> bitcoin-cli ${[method, ...words].join(' ')}\n`;
}

function shellWord(text: string): string {
  return /[\s'"{}[\]]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : text;
}

function exampleHttp(method: string, args: readonly JsonOut[]): string {
  const body = `{"jsonrpc": "2.0", "id": "curltest", "method": "${method}", "params": ${compactJson(args)}}`;
  return `> curl --user myusername --data-binary '${body}' -H 'content-type: application/json' http://127.0.0.1:8332/\n`;
}
