/** Sizes of the tables inside an object, private fields too: whether what was remembered has been forgotten. */
import { Session } from 'node:inspector';

interface RemoteObject {
  readonly type: string;
  readonly subtype?: string;
  readonly className?: string;
  readonly description?: string;
  readonly objectId?: string;
}

interface Field {
  readonly name: string;
  readonly value?: RemoteObject;
  readonly enumerable?: boolean;
}

/** Tables of our own, which are named by whose they are. */
const WRAPPERS: ReadonlySet<string> = new Set(['LateMap', 'LateSet', 'Few']);
/** Objects in an array are looked into up to this length: lists of parts, not of data. */
const PARTS_MAX = 50;

/**
 * Entries of every Map, Set and array that is reachable from `root` by fields, as `Class.field`; those of one name are
 * added up. What lies behind a field of `passedOver` is left alone, and so are the entries of maps and sets.
 */
export function tableSizes(root: object, passedOver: ReadonlySet<string>): Map<string, number> {
  const sizes = new Map<string, number>();
  const seen = new WeakSet<object>();
  const session = new Session();
  session.connect();
  const post = <Result>(method: string, parameters: object): Result => {
    let result: Result | undefined;
    session.post(method, parameters, (error, answer) => {
      if (error) throw error;
      result = answer as Result;
    });
    return result!;
  };
  const scope = { root, isNew: (each: object) => !seen.has(each) && seen.add(each) !== undefined };
  const name = '__tables';
  try {
    Object.defineProperty(globalThis, name, { value: scope, configurable: true });
    const { result } = post<{ result: RemoteObject }>('Runtime.evaluate', { expression: `${name}.root` });
    const visit = (object: RemoteObject, label: string): void => {
      const { objectId, className = '' } = object;
      const { result: isNew } = post<{ result: { value: boolean } }>('Runtime.callFunctionOn', {
        objectId,
        functionDeclaration: `function () { return ${name}.isNew(this); }`,
        returnByValue: true,
      });
      if (!isNew.value) return;
      const fields = post<{ result: Field[]; privateProperties?: Field[] }>('Runtime.getProperties', {
        objectId,
        ownProperties: true,
      });
      const isArray = object.subtype === 'array';
      for (const field of [...fields.result, ...(fields.privateProperties ?? [])]) {
        const { value } = field;
        if (value?.type !== 'object' || value.objectId === undefined || field.name === '__proto__') continue;
        if (passedOver.has(field.name)) continue;
        const size = sizeOf(value);
        if (size !== undefined && !isArray) {
          const key = WRAPPERS.has(className) ? label : `${className}.${field.name}`;
          sizes.set(key, (sizes.get(key) ?? 0) + size);
        }
        const isList = value.subtype === 'array' && size! <= PARTS_MAX;
        if (value.subtype === undefined || isList) visit(value, `${className}.${field.name}`);
      }
    };
    visit(result, '');
  } finally {
    Reflect.deleteProperty(globalThis, name);
    session.disconnect();
  }
  return sizes;
}

function sizeOf({ subtype, description = '' }: RemoteObject): number | undefined {
  if (subtype !== 'map' && subtype !== 'set' && subtype !== 'array') return undefined;
  return Number(/\((\d+)\)$/.exec(description)?.[1] ?? 0);
}
