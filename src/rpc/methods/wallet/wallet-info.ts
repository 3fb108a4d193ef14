/** What a wallet is, and the flag of it that can be changed (Core: wallet/rpc/wallet.cpp). */
import type { Wallet } from '../../../wallet/wallet.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { res } from '../../result-doc.ts';
import { lastProcessedBlock, lastProcessedBlockDoc, walletMethod } from './common.ts';

/** In the order of Core's bits. */
const KNOWN_FLAGS = [
  'avoid_reuse',
  'key_origin_metadata',
  'last_hardened_xpub_cached',
  'disable_private_keys',
  'blank',
  'descriptor_wallet',
  'external_signer',
] as const;

export const getwalletinfo = walletMethod({
  name: 'getwalletinfo',
  description: 'Tells about the wallet.',
  params: [],
  results: [
    res.object('', '', [
      res.string('walletname', 'the name of the wallet'),
      res.number('walletversion', '(DEPRECATED) always 169900'),
      res.string('format', 'the format of its file'),
      res.number('txcount', 'how many transactions it keeps'),
      res.number('keypoolsize', 'how many receiving addresses are derived ahead'),
      res.number('keypoolsize_hd_internal?', 'how many change addresses are derived ahead'),
      res.time('unlocked_until?', 'until when it is unlocked, 0 if it is locked; only if it is encrypted'),
      res.boolean('private_keys_enabled', 'false if it only watches'),
      res.boolean('avoid_reuse', 'whether it tells reused addresses apart'),
      // An object or false, so no one type.
      res.any('scanning', 'the scan that is under way (duration in seconds, progress from 0 to 1), or false'),
      res.boolean('descriptors', 'always true'),
      res.boolean('external_signer', 'always false'),
      res.boolean('blank', 'whether it was made without keys, and has none yet'),
      res.time('birthtime?', 'no transaction of the wallet is older'),
      res.array('flags', 'the flags that are set', [res.string('flag', 'the name of a flag')]),
      lastProcessedBlockDoc,
    ]),
  ],
  examples: [[]],
  runs: 'freely',
  run(wallet, _, host) {
    const poolSize = (use: 'receive' | 'change') =>
      wallet.keys.activeKeepers(use).reduce((sum, keeper) => sum + keeper.poolSize, 0);
    const scan = host.scanOf(wallet);
    return {
      walletname: wallet.name,
      walletversion: 169_900,
      format: 'hearsay',
      txcount: wallet.history.size,
      keypoolsize: poolSize('receive'),
      keypoolsize_hd_internal: poolSize('change'),
      unlocked_until: wallet.isEncrypted ? wallet.unlockedUntil : undefined,
      private_keys_enabled: !wallet.disablesPrivateKeys,
      avoid_reuse: wallet.avoidsReuse,
      scanning: scan === undefined ? false : { duration: scan.durationS, progress: scan.progress },
      descriptors: true,
      external_signer: false,
      blank: wallet.isBlank,
      birthtime: wallet.birthTime,
      flags: flagsOf(wallet),
      lastprocessedblock: lastProcessedBlock(wallet),
    };
  },
});

export const setwalletflag = walletMethod({
  name: 'setwalletflag',
  description: 'Sets or clears a flag of the wallet.',
  params: [
    { name: 'flag', type: 'string', doc: 'The name of the flag: avoid_reuse' },
    { name: 'value', type: 'boolean', default: true, doc: 'The new state.' },
  ],
  results: [
    res.object('', '', [
      res.string('flag_name', 'the name of the flag'),
      res.boolean('flag_state', 'its new state'),
      res.string('warnings?', 'what the user should know'),
    ]),
  ],
  examples: [['avoid_reuse']],
  runs: 'exclusive',
  run(wallet, args) {
    const flag = args.string('flag');
    const value = args.boolean('value');
    if (flag !== 'avoid_reuse') {
      const isKnown = (KNOWN_FLAGS as readonly string[]).includes(flag);
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        isKnown ? `Wallet flag is immutable: ${flag}` : `Unknown wallet flag: ${flag}`,
      );
    }
    if (wallet.avoidsReuse === value) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, `Wallet flag is already set to ${value}: ${flag}`);
    }
    wallet.setAvoidsReuse(value);
    return { flag_name: flag, flag_state: value };
  },
});

function flagsOf(wallet: Wallet): string[] {
  const isSet: Readonly<Record<(typeof KNOWN_FLAGS)[number], boolean>> = {
    avoid_reuse: wallet.avoidsReuse,
    key_origin_metadata: false,
    last_hardened_xpub_cached: true,
    disable_private_keys: wallet.disablesPrivateKeys,
    blank: wallet.isBlank,
    descriptor_wallet: true,
    external_signer: false,
  };
  return KNOWN_FLAGS.filter(flag => isSet[flag]);
}
