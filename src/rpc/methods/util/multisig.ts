/** Addresses that several keys share (Core: createmultisig in rpc/output_script.cpp, AddAndGetMultisigDestination in rpc/util.cpp). */
import { bytesToBinary, bytesToHex, hexToBytes, isHex } from '../../../base/bytes.ts';
import { hash160 } from '../../../crypto/hashes.ts';
import { isFullyValidPublicKey } from '../../../crypto/keys.ts';
import { encodeAddress } from '../../../script/address.ts';
import { inferDescriptor } from '../../../script/descriptor-infer.ts';
import {
  MULTISIG_KEYS_MAX,
  multisigScript,
  wrapInScriptHash,
  wrapInWitnessScriptHash,
} from '../../../script/templates.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType, type JsonValue } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { toOutputType } from '../wallet/common.ts';

/** Bytes of a redeem script (Core: MAX_SCRIPT_ELEMENT_SIZE). */
const REDEEM_SCRIPT_BYTES_MAX = 520;
/** Hexadecimal digits of a compressed and of an uncompressed public key. */
const PUBLIC_KEY_DIGITS: ReadonlySet<number> = new Set([66, 130]);

export const createmultisig: RpcMethod<NodeFacade> = {
  name: 'createmultisig',
  category: 'util',
  description:
    'Makes an address of several keys, of which some number has to sign.\n' +
    'It gives the address and the redeem script.',
  params: [
    { name: 'nrequired', type: 'number', doc: 'How many of the keys have to sign.' },
    {
      name: 'keys',
      type: 'array',
      doc: 'The public keys.',
      fields: [{ name: 'key', type: 'hex', optional: true, doc: 'A public key' }],
    },
    {
      name: 'address_type',
      type: 'string',
      default: 'legacy',
      doc: 'The type of the address: "legacy", "p2sh-segwit" or "bech32".',
    },
  ],
  results: [
    res.object('', '', [
      res.string('address', 'the address'),
      res.hex('redeemScript', 'the script that the address stands for'),
      res.string('descriptor', 'a descriptor of the address'),
      res.array('warnings?', 'what was not done as asked', [res.string('', '')]),
    ]),
  ],
  examples: [
    [
      2,
      [
        '03789ed0bb717d88f7d321a368d905e7430207ebbd82bd342cf11ae157a7ace5fd',
        '03dbc6764b8884a92e871274b87583e6d5c2a58819473e17e107ef3f6aa5a61626',
      ],
    ],
  ],
  run({ chain: { params } }, args) {
    const required = args.integer('nrequired');
    const keys = args.array('keys').map(toPublicKey);
    const wanted = toOutputType(args.string('address_type'));
    if (wanted === 'bech32m') {
      throw new RpcError(
        RpcCode.INVALID_ADDRESS_OR_KEY,
        'createmultisig cannot create bech32m multisig addresses',
      );
    }
    requireCounts(required, keys.length);
    const redeemScript = multisigScript(required, keys);
    // No witness may have an uncompressed key.
    const type = keys.every(key => key.length === 33) ? wanted : 'legacy';
    if (type === 'legacy' && redeemScript.length > REDEEM_SCRIPT_BYTES_MAX) {
      invalid(`redeemScript exceeds size limit: ${redeemScript.length} > ${REDEEM_SCRIPT_BYTES_MAX}`);
    }
    const witnessProgram = wrapInWitnessScriptHash(redeemScript);
    const scriptPubKey = {
      legacy: () => wrapInScriptHash(redeemScript),
      'p2sh-segwit': () => wrapInScriptHash(witnessProgram),
      bech32: () => witnessProgram,
    }[type]();
    const scripts = new Map(
      [redeemScript, witnessProgram].map(script => [bytesToBinary(hash160(script)), script]),
    );
    return {
      address: encodeAddress(scriptPubKey, params.address),
      redeemScript: bytesToHex(redeemScript),
      descriptor: inferDescriptor(scriptPubKey, params.address, {
        scriptOf: hash => scripts.get(bytesToBinary(hash)),
      }),
      warnings:
        type === wanted
          ? undefined
          : ['Unable to make chosen address type, please ensure no uncompressed public keys are present.'],
    };
  },
};

/** Throws RpcError −5 (Core: HexToPubKey). */
export function toPublicKey(value: JsonValue): Uint8Array {
  const hex = expectType(value, 'string');
  if (hex === '' || !isHex(hex)) badKey(hex, 'must be a hex string');
  if (!PUBLIC_KEY_DIGITS.has(hex.length)) badKey(hex, 'must have a length of either 33 or 65 bytes');
  const publicKey = hexToBytes(hex);
  if (!isFullyValidPublicKey(publicKey)) badKey(hex, 'must be cryptographically valid.');
  return publicKey;
}

function requireCounts(required: number, keys: number): void {
  if (required < 1) invalid('a multisignature address must require at least one key to redeem');
  if (keys < required) {
    invalid(`not enough keys supplied (got ${keys} keys, but need at least ${required} to redeem)`);
  }
  if (keys > MULTISIG_KEYS_MAX) {
    invalid(
      `Number of keys involved in the multisignature address creation > ${MULTISIG_KEYS_MAX}\nReduce the number`,
    );
  }
}

function badKey(hex: string, problem: string): never {
  throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, `Pubkey "${hex}" ${problem}`);
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
