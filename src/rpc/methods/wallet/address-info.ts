/** What the wallet knows of an address (Core: getaddressinfo in wallet/rpc/addresses.cpp). */
import { bytesToHex, equalBytes } from '../../../base/bytes.ts';
import { hash160 } from '../../../crypto/hashes.ts';
import { AddressError, decodeAddress } from '../../../script/address.ts';
import { inferDescriptor, type ScriptKnowledge } from '../../../script/descriptor-infer.ts';
import { pathText } from '../../../script/descriptor-key.ts';
import { solveScript } from '../../../script/templates.ts';
import type { SpendData } from '../../../wallet/key-ring.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { ResultDoc } from '../../method.ts';
import { res } from '../../result-doc.ts';
import { describeDestination } from '../util/addresses.ts';
import { addressOf, walletMethod } from './common.ts';

type ScriptMembers = { readonly pubkey?: JsonOut; readonly [name: string]: JsonOut };

/** Hash of a seed that nobody knows: descriptors may come from several. */
const NO_SEED_ID = '00'.repeat(20);

const embeddedFields: readonly ResultDoc[] = [
  res.string('address?', 'the address'),
  res.hex('scriptPubKey?', 'the script that pays to it'),
  res.boolean('isscript?', 'whether it stands for a script'),
  res.boolean('iswitness?', 'whether it is a witness address'),
  res.number('witness_version?', 'the version of its witness program'),
  res.hex('witness_program?', 'its witness program'),
  res.string('script?', 'the type of the script behind it, if that is known'),
  res.hex('hex?', 'the script behind it'),
  res.array('pubkeys?', 'the keys of a multisig script', [res.string('pubkey', '')]),
  res.number('sigsrequired?', 'how many signatures a multisig script needs'),
  res.hex('pubkey?', 'the public key, also of an address in a script'),
  res.boolean('iscompressed?', 'whether the public key is compressed'),
];

export const getaddressinfo = walletMethod({
  name: 'getaddressinfo',
  description: 'Tells about an address; more, if it is of this wallet.',
  params: [{ name: 'address', type: 'string', doc: 'The address.' }],
  results: [
    res.object('', '', [
      res.string('address', 'the address'),
      res.hex('scriptPubKey', 'the script that pays to it'),
      res.boolean('ismine', 'whether it is of this wallet'),
      res.boolean('iswatchonly', '(DEPRECATED) always false'),
      res.boolean('solvable', 'whether the wallet knows how to spend from it, keys aside'),
      res.string('desc?', 'a descriptor of it'),
      res.string('parent_desc?', 'the descriptor of the wallet that it comes from'),
      ...embeddedFields.slice(2),
      res.object('embedded?', 'about the address inside the script', embeddedFields),
      res.boolean('ischange', 'whether it was used for change'),
      res.time('timestamp?', 'when the key was made'),
      res.string('hdkeypath?', 'the path of the key'),
      res.hex('hdseedid?', 'zeros'),
      res.hex('hdmasterfingerprint?', 'the fingerprint of the root key'),
      res.array('labels', 'its label, if it has one', [res.string('label name', '')]),
    ]),
  ],
  examples: [['bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl']],
  runs: 'freely',
  run(wallet, args) {
    const { prefixes } = wallet.options;
    const script = scriptOf(args.string('address'), wallet);
    const data = wallet.keys.spendData(script);
    const [owner] = wallet.keys.owners(script);
    const solvable = owner?.keeper.descriptor.isSolvable ?? false;
    const origin = data && originOf(script, data);
    const label = wallet.addressEntry(script)?.label;
    return {
      address: addressOf(wallet, script),
      scriptPubKey: bytesToHex(script),
      ismine: owner !== undefined,
      solvable,
      desc: data && solvable ? inferDescriptor(script, prefixes, knowledgeOf(data)) : undefined,
      parent_desc: owner?.keeper.text,
      iswatchonly: false,
      ...describeDestination(script),
      ...(data ? describeScript(wallet, script, data) : {}),
      ischange: wallet.isChange(script),
      timestamp: origin && owner?.keeper.timestamp,
      hdkeypath: origin && `m${pathText(origin.path, 'h')}`,
      hdseedid: origin && NO_SEED_ID,
      hdmasterfingerprint: origin && bytesToHex(origin.fingerprint),
      labels: label === undefined ? [] : [label],
    };
  },
});

/** What `inferDescriptor` may know of a script of the wallet. */
export function knowledgeOf(data: SpendData): ScriptKnowledge {
  return {
    publicKeyOf: hash => data.keys.find(key => equalBytes(hash160(key.publicKey), hash))?.publicKey,
    scriptOf: hash =>
      [data.redeemScript, data.witnessScript].find(
        script => script !== undefined && equalBytes(hash160(script), hash),
      ),
    originOf: publicKey => data.keys.find(key => equalBytes(key.publicKey, publicKey))?.origin,
    internalKeyOf: () => (data.taproot?.merkleRoot === undefined ? data.taproot?.internalKey : undefined),
  };
}

function scriptOf(address: string, wallet: Wallet): Uint8Array {
  try {
    return decodeAddress(address, wallet.options.prefixes).scriptPubKey;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, error.message);
  }
}

/** Keys and scripts behind the hash that an address is. */
function describeScript(wallet: Wallet, script: Uint8Array, data: SpendData): ScriptMembers {
  const template = solveScript(script);
  switch (template.type) {
    case 'pubkeyhash':
    case 'witness_v0_keyhash': {
      const key = data.keys.find(({ publicKey }) => equalBytes(hash160(publicKey), template.hash));
      if (key === undefined) return {};
      const pubkey = bytesToHex(key.publicKey);
      if (template.type === 'witness_v0_keyhash') return { pubkey };
      return { pubkey, iscompressed: key.publicKey.length === 33 };
    }
    case 'scripthash':
      return data.redeemScript === undefined ? {} : describeInner(wallet, data.redeemScript, data);
    case 'witness_v0_scripthash':
      return data.witnessScript === undefined ? {} : describeInner(wallet, data.witnessScript, data);
    default:
      return {};
  }
}

function describeInner(wallet: Wallet, script: Uint8Array, data: SpendData): ScriptMembers {
  const template = solveScript(script);
  const base = { script: template.type, hex: bytesToHex(script) };
  const address = addressOf(wallet, script);
  if (address !== undefined) {
    const inner = describeScript(wallet, script, data);
    const embedded = { ...describeDestination(script), ...inner, address, scriptPubKey: bytesToHex(script) };
    const { pubkey } = inner;
    return { ...base, pubkey, embedded };
  }
  if (template.type !== 'multisig') return base;
  return { ...base, sigsrequired: template.required, pubkeys: template.keys.map(bytesToHex) };
}

/** Where the one key of an address comes from; undefined for scripts of several keys. */
function originOf(script: Uint8Array, data: SpendData) {
  const inner = data.redeemScript ?? script;
  const { type } = solveScript(inner);
  const isSingle = ['pubkeyhash', 'witness_v0_keyhash', 'witness_v1_taproot'].includes(type);
  return isSingle ? data.keys[0]?.origin : undefined;
}
