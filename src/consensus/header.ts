/** What a block header must be, alone and after its parent (Core: CheckBlockHeader, ContextualCheckBlockHeader). */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { BlockHeader } from '../wire/block.ts';
import type { HeaderContext, HeaderRef } from './header-context.ts';
import { FUTURE_BLOCK_SECONDS_MAX, TIMEWARP_SECONDS_MAX } from './limits.ts';
import type { ChainParams } from './params.ts';
import { checkProofOfWork, difficultyInterval, nextWorkRequired } from './pow.ts';
import { Reject } from './reject.ts';

export interface HeaderChecks {
  readonly headers: HeaderContext;
  readonly params: ChainParams;
  readonly now: Milliseconds;
}

/** Its proof of work is what its bits say. Throws Reject. */
export function checkBlockHeader(header: BlockHeader, params: Pick<ChainParams, 'powLimit'>): void {
  if (!checkProofOfWork(header.hash, header.bits, params)) {
    throw new Reject('high-hash', { detail: 'proof of work failed' });
  }
}

/** Throws Reject. `parent` is the header that `header` names as its previous one. */
export function contextualCheckBlockHeader(
  header: BlockHeader,
  parent: HeaderRef,
  { headers, params, now }: HeaderChecks,
): void {
  const height = headers.heightOf(parent) + 1;
  if (header.bits !== nextWorkRequired(parent, header.time, headers, params)) {
    throw new Reject('bad-diffbits', { detail: 'incorrect proof of work' });
  }
  if (header.time <= headers.medianTimePastOf(parent)) {
    throw new Reject('time-too-old', { detail: "block's timestamp is too early" });
  }
  const startsPeriod = height % difficultyInterval(params) === 0;
  if (params.enforceBip94 && startsPeriod && header.time < headers.timeOf(parent) - TIMEWARP_SECONDS_MAX) {
    const detail = "block's timestamp is too early on diff adjustment block";
    throw new Reject('time-timewarp-attack', { detail });
  }
  // Against the clock's milliseconds, as Core does: a fake clock moves whole seconds, a real one does not.
  if (header.time * SECOND_MS > now + FUTURE_BLOCK_SECONDS_MAX * SECOND_MS) {
    throw new Reject('time-too-new', { detail: 'block timestamp too far in the future' });
  }
  checkVersion(header.version, height, params);
}

/** Each soft fork that counted whole versions made the versions before it invalid. */
function checkVersion(version: number, height: number, { buried }: ChainParams): void {
  const isOutdated =
    (version < 2 && height >= buried.bip34) ||
    (version < 3 && height >= buried.bip66) ||
    (version < 4 && height >= buried.bip65);
  if (!isOutdated) return;
  const shown = `0x${(version >>> 0).toString(16).padStart(8, '0')}`;
  throw new Reject('bad-version', { suffix: `(${shown})`, detail: `rejected nVersion=${shown} block` });
}
