/**
 * Short forms to write the results of a declaration: `res.number('height', 'of the block')`. A name that ends in `?` is
 * of a member that may be absent.
 */
import type { ResultDoc, ResultType } from './method.ts';

type Make = (name: string, doc: string) => ResultDoc;
type MakeNested = (name: string, doc: string, fields: readonly ResultDoc[]) => ResultDoc;

export const res = {
  null: simple('null'),
  string: simple('string'),
  hex: simple('hex'),
  number: simple('number'),
  amount: simple('amount'),
  time: simple('time'),
  boolean: simple('boolean'),
  any: simple('any'),
  elision: simple('elision'),
  array: nested('array'),
  fixedArray: nested('fixedArray'),
  object: nested('object'),
  userKeys: nested('userKeys'),
} as const;

/** States when the result has this form. */
export function when(condition: string, doc: ResultDoc): ResultDoc {
  return { ...doc, condition };
}

function simple(type: ResultType): Make {
  return (name, doc) => ({ ...named(name), type, doc });
}

function nested(type: ResultType): MakeNested {
  return (name, doc, fields) => ({ ...named(name), type, doc, fields });
}

function named(name: string): Pick<ResultDoc, 'name' | 'optional'> {
  return name.endsWith('?') ? { name: name.slice(0, -1), optional: true } : { name };
}
