/** Scripts from addresses and descriptors that callers name. */
import type { ChainParams } from '../consensus/params.ts';
import { AddressError, decodeAddress } from '../script/address.ts';
import { type Descriptor, parseDescriptor } from '../script/descriptor.ts';
import { DescriptorError } from '../script/descriptor-checksum.ts';
import { RpcCode, RpcError } from './codes.ts';

/** The script that pays to `address`, or undefined when it is no address of this network. */
export function scriptOfAddress(address: string, params: ChainParams): Uint8Array | undefined {
  try {
    return decodeAddress(address, params.address).scriptPubKey;
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/** As `scriptOfAddress`; throws RpcError −5 with `message`. */
export function requireScriptOfAddress(address: string, params: ChainParams, message: string): Uint8Array {
  const script = scriptOfAddress(address, params);
  if (script === undefined) throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, message);
  return script;
}

/** The one script that blocks pay to: of a descriptor, else of an address; throws RpcError −5 or −8 (Core: rpc/mining.cpp). */
export function scriptOfDescriptor(text: string, params: ChainParams): Uint8Array {
  const descriptors = toDescriptors(text, params, { requireChecksum: false });
  if (descriptors.length > 1) {
    throw new RpcError(RpcCode.INVALID_PARAMETER, 'Multipath descriptor not accepted');
  }
  const descriptor = descriptors[0]!;
  if (descriptor.isRange) {
    throw new RpcError(
      RpcCode.INVALID_PARAMETER,
      'Ranged descriptor not accepted. Maybe pass through deriveaddresses first?',
    );
  }
  const scripts = descriptor.expand(0)?.scripts;
  if (scripts === undefined) {
    throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Cannot derive script without private keys');
  }
  // Of a combo: P2WPKH where there is one, else P2PKH.
  return scripts[scripts.length === 4 ? 2 : scripts.length - 1]!;
}

/** Throws RpcError −5 with what is wrong with the descriptor. */
export function toDescriptors(
  text: string,
  params: ChainParams,
  options: { readonly requireChecksum: boolean },
): Descriptor[] {
  try {
    return parseDescriptor(text, { prefixes: params.address, ...options });
  } catch (error) {
    if (!(error instanceof DescriptorError)) throw error;
    throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, error.message);
  }
}
