/** Descriptors as scans and updaters are given them: a text, or an object with a range (Core: EvalDescriptorStringOrObject). */
import type { ChainParams } from '../consensus/params.ts';
import type { Expansion } from '../script/descriptor.ts';
import { toRange } from './arguments.ts';
import { RpcCode, RpcError } from './codes.ts';
import { toDescriptors } from './destinations.ts';
import { expectType, type JsonValue, ParsedObject } from './json.ts';
import type { Param } from './param.ts';

/** Last index of a ranged descriptor that is looked for unless told otherwise. */
const RANGE_END_DEFAULT = 1000;

/** `name` is what help calls a descriptor alone. */
export const descriptorObjectParams = (name: '' | 'descriptor'): readonly Param[] => [
  { name, type: 'string', optional: true, doc: 'A descriptor' },
  {
    name: '',
    type: 'object',
    optional: true,
    doc: 'A descriptor with its range',
    fields: [
      { name: 'desc', type: 'string', doc: 'A descriptor' },
      {
        name: 'range',
        type: 'range',
        default: RANGE_END_DEFAULT,
        doc: 'The indices to look for: the end, or [begin,end]',
      },
    ],
  },
];

/** What it stands for, by index; throws RpcError −3, −5, −8. */
export function expandObject(
  object: JsonValue,
  params: ChainParams,
): { readonly expansion: Expansion; secretKeys(): (Uint8Array | undefined)[] }[] {
  const { text, range } = readObject(object);
  const descriptors = toDescriptors(text, params, { requireChecksum: false });
  const [begin, end] = descriptors[0]!.isRange ? range : [0, 0];
  const expansions = [];
  for (let index = begin; index <= end; index += 1) {
    for (const descriptor of descriptors) {
      const expansion = descriptor.expand(index);
      if (expansion === undefined) {
        throw new RpcError(
          RpcCode.INVALID_ADDRESS_OR_KEY,
          `Cannot derive script without private keys: '${text}'`,
        );
      }
      expansions.push({ expansion, secretKeys: () => descriptor.secretKeys(index) });
    }
  }
  return expansions;
}

function readObject(object: JsonValue): {
  readonly text: string;
  readonly range: readonly [begin: number, end: number];
} {
  const whole = [0, RANGE_END_DEFAULT] as const;
  if (typeof object === 'string') return { text: object, range: whole };
  if (!(object instanceof ParsedObject)) {
    return invalid('Scan object needs to be either a string or an object');
  }
  const text = object.get('desc') ?? null;
  if (text === null) invalid('Descriptor needs to be provided in scan object');
  const range = object.get('range') ?? null;
  return { text: expectType(text, 'string'), range: range === null ? whole : toRange(range) };
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
