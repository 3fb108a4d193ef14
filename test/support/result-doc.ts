/** Whether a result is what its declaration says (Core: RPCResult::MatchesType, `-rpcdoccheck`). */
import { type JsonNumber, type JsonValue, jsonType, type ParsedObject } from '../../src/rpc/json.ts';
import type { ResultDoc, ResultType } from '../../src/rpc/method.ts';

const JSON_TYPES: Readonly<Record<ResultType, string>> = {
  null: 'null',
  string: 'string',
  hex: 'string',
  number: 'number',
  amount: 'number',
  time: 'number',
  boolean: 'bool',
  array: 'array',
  fixedArray: 'array',
  object: 'object',
  userKeys: 'object',
  any: 'any',
  elision: 'any',
};

/** What does not fit, with its path; empty when all does. */
export function mismatches(value: JsonValue, doc: ResultDoc, path = ''): string[] {
  const expected = JSON_TYPES[doc.type];
  if (expected === 'any') return [];
  if (jsonType(value) !== expected) return [`${path}: ${jsonType(value)}, not ${doc.type}`];
  if (doc.type === 'hex' && !/^[0-9a-f]*$/.test(value as string)) return [`${path}: not hexadecimal`];
  if (doc.type === 'amount' && !/^-?\d+\.\d{8}$/.test((value as JsonNumber).text))
    return [`${path}: no amount`];
  const fields = doc.fields ?? [];
  if (doc.type === 'array') {
    return (value as readonly JsonValue[]).flatMap((item, i) =>
      mismatches(item, fields[0]!, `${path}[${i}]`),
    );
  }
  if (doc.type === 'userKeys') {
    return (value as ParsedObject).members.flatMap(([name, member]) =>
      mismatches(member, fields[0]!, `${path}.${name}`),
    );
  }
  return doc.type === 'object' ? objectMismatches(value as ParsedObject, fields, path) : [];
}

function objectMismatches(object: ParsedObject, fields: readonly ResultDoc[], path: string): string[] {
  const missing = fields.filter(field => !field.optional && !object.has(field.name));
  const unknown = object.keys.filter(key => !fields.some(field => field.name === key));
  const inside = object.members.flatMap(([name, member]) => {
    const field = fields.find(candidate => candidate.name === name);
    return field === undefined ? [] : mismatches(member, field, `${path}.${name}`);
  });
  return [
    ...missing.map(field => `${path}.${field.name}: missing`),
    ...unknown.map(key => `${path}.${key}: not declared`),
    ...inside,
  ];
}
