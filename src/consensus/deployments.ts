/**
 * Soft forks: which hold, and how far those are that miners still vote on (BIP9 with the minimum activation height of
 * BIP341's deployment; Core: versionbits.cpp, deploymentstatus.h). Votes are bits of the block versions, counted a
 * period at a time; a block's state is that of the first block of its period.
 */
import { assert } from '../base/assert.ts';
import type { HeaderContext, HeaderRef } from './header-context.ts';
import { ALWAYS_ACTIVE, type ChainParams, NEVER_ACTIVE, type VersionBitsDeployment } from './params.ts';

/** A version with these top bits votes by the others. */
const VERSIONBITS_TOP_BITS = 0x2000_0000;
const VERSIONBITS_TOP_MASK = 0xe000_0000 | 0;
/** Bits that votes on rules are taken from; miners may do with the others as they like (BIP323; Core: VERSIONBITS_NUM_BITS). */
const VERSIONBITS_COUNT = 5;
/** A buried deployment with this height does not exist on the chain. */
const NEVER_HEIGHT = 0x7fff_ffff;
/** As `getdeploymentinfo` lists them. */
const BURIED_ORDER = ['bip34', 'bip66', 'bip65', 'csv', 'segwit'] as const;

export type Bip9Status = 'defined' | 'started' | 'locked_in' | 'active' | 'failed';

export interface Bip9Statistics {
  readonly period: number;
  /** Missing once locked in. */
  readonly threshold?: number;
  /** Blocks of the running period so far, and those among them that vote for it. */
  readonly elapsed: number;
  readonly count: number;
  /** The threshold can still be reached; missing once locked in. */
  readonly possible?: boolean;
  /** One entry a block of the period so far: whether it votes for it. */
  readonly signalling: readonly boolean[];
}

/** One soft fork, as `getdeploymentinfo` shows it for a block. */
export type DeploymentState =
  | { readonly kind: 'buried'; readonly name: string; readonly height: number; readonly active: boolean }
  | {
      readonly kind: 'bip9';
      readonly name: string;
      readonly bit: number;
      readonly startTime: number;
      readonly timeout: number;
      readonly minActivationHeight: number;
      /** Of the block itself, and of the one after it. */
      readonly status: Bip9Status;
      readonly statusNext: Bip9Status;
      /** Height of the first block that has `status`. */
      readonly since: number;
      /** Height from which it is active, once that is known. */
      readonly activationHeight?: number;
      /** While started or locked in. */
      readonly statistics?: Bip9Statistics;
    };

/** Answers for any block of the tree; remembers the states of whole periods. */
export class Deployments {
  readonly #headers: HeaderContext;
  readonly #params: ChainParams;
  /** By the last block of the period before. */
  readonly #known = new Map<VersionBitsDeployment, Map<HeaderRef, Bip9Status>>();
  /** What every bit for votes would stand for if others knew a rule for it. */
  readonly #unknown: readonly VersionBitsDeployment[];

  constructor(headers: HeaderContext, params: ChainParams) {
    this.#headers = headers;
    this.#params = params;
    this.#unknown = unknownDeployments(params);
    for (const deployment of [...params.deployments, ...this.#unknown])
      this.#known.set(deployment, new Map());
  }

  /** Of a block after `parent`; undefined: of genesis. */
  stateAfter(deployment: VersionBitsDeployment, parent: HeaderRef | undefined): Bip9Status {
    if (deployment.startTime === ALWAYS_ACTIVE) return 'active';
    if (deployment.startTime === NEVER_ACTIVE) return 'failed';
    const known = this.#known.get(deployment);
    assert(known !== undefined, 'deployments are of the chain');
    const headers = this.#headers;
    const open: HeaderRef[] = [];
    let state: Bip9Status = 'defined';
    let boundary = this.#boundary(deployment, parent);
    while (boundary !== undefined) {
      const cached = known.get(boundary);
      if (cached !== undefined) {
        state = cached;
        break;
      }
      // Before the start there is nothing to count; earlier blocks are before it too, since median times only grow.
      if (headers.medianTimePastOf(boundary) < deployment.startTime) {
        known.set(boundary, 'defined');
        break;
      }
      open.push(boundary);
      boundary = this.#before(boundary, deployment.period);
    }
    for (const end of open.reverse()) {
      state = this.#next(deployment, state, end);
      known.set(end, state);
    }
    return state;
  }

  isActiveAfter(deployment: VersionBitsDeployment, parent: HeaderRef | undefined): boolean {
    return this.stateAfter(deployment, parent) === 'active';
  }

  /**
   * Bits that enough blocks up to `ref` have voted with although we know of nothing to vote for: the rules that they
   * stand for are locked in or hold, and this program is too old for them (Core: CheckUnknownActivations).
   */
  unknownActivations(ref: HeaderRef): { readonly bit: number; readonly status: 'locked_in' | 'active' }[] {
    return this.#unknown.flatMap(deployment => {
      const status = this.stateAfter(deployment, ref);
      return status === 'locked_in' || status === 'active' ? [{ bit: deployment.bit, status }] : [];
    });
  }

  /** The version of a block after `parent` that votes for all that can be voted for (Core: ComputeBlockVersion). */
  blockVersion(parent: HeaderRef): number {
    let version = VERSIONBITS_TOP_BITS;
    for (const deployment of this.#params.deployments) {
      const state = this.stateAfter(deployment, parent);
      if (state === 'started' || state === 'locked_in') version |= 1 << deployment.bit;
    }
    return version;
  }

  /** All that exist on the chain, as they stand for block `ref`: buried ones by the block after it, as Core does. */
  statesAt(ref: HeaderRef): DeploymentState[] {
    const { buried, deployments } = this.#params;
    const nextHeight = this.#headers.heightOf(ref) + 1;
    const states: DeploymentState[] = [];
    for (const name of BURIED_ORDER) {
      const height = buried[name];
      if (height !== NEVER_HEIGHT)
        states.push({ kind: 'buried', name, height, active: nextHeight >= height });
    }
    for (const deployment of deployments) {
      if (deployment.startTime !== NEVER_ACTIVE) states.push(this.#bip9State(deployment, ref));
    }
    return states;
  }

  #bip9State(deployment: VersionBitsDeployment, ref: HeaderRef): DeploymentState {
    const parent = this.#headers.parentOf(ref);
    const status = this.stateAfter(deployment, parent);
    const statusNext = this.stateAfter(deployment, ref);
    const since = this.#since(deployment, parent, status);
    const nextHeight = this.#headers.heightOf(ref) + 1;
    const activationHeight = status === 'active' ? since : statusNext === 'active' ? nextHeight : undefined;
    const isVoted = status === 'started' || status === 'locked_in';
    const { name, bit, startTime, timeout, minActivationHeight } = deployment;
    return {
      ...{ kind: 'bip9', name, bit, startTime, timeout, minActivationHeight, status, statusNext, since },
      ...(activationHeight === undefined ? {} : { activationHeight }),
      ...(isVoted ? { statistics: this.#statistics(deployment, ref, status) } : {}),
    };
  }

  #statistics(deployment: VersionBitsDeployment, ref: HeaderRef, status: Bip9Status): Bip9Statistics {
    const { period, threshold } = deployment;
    const headers = this.#headers;
    const elapsed = 1 + (headers.heightOf(ref) % period);
    const signalling: boolean[] = [];
    for (let at: HeaderRef | undefined = ref; signalling.length < elapsed; at = headers.parentOf(at)) {
      assert(at !== undefined, 'a period begins at genesis at the earliest');
      signalling.push(this.#signals(deployment, at));
    }
    signalling.reverse();
    const count = signalling.filter(signals => signals).length;
    if (status === 'locked_in') return { period, elapsed, count, signalling };
    const possible = period - threshold >= elapsed - count;
    return { period, threshold, elapsed, count, possible, signalling };
  }

  /** Height of the first block of the run of periods with `status` that a block after `parent` is in. */
  #since(deployment: VersionBitsDeployment, parent: HeaderRef | undefined, status: Bip9Status): number {
    const { startTime, period } = deployment;
    if (startTime === ALWAYS_ACTIVE || startTime === NEVER_ACTIVE || status === 'defined') return 0;
    let first = this.#boundary(deployment, parent);
    assert(first !== undefined, 'the first period is in the state defined');
    for (;;) {
      const before = this.#before(first, period);
      if (before === undefined || this.stateAfter(deployment, before) !== status) break;
      first = before;
    }
    return this.#headers.heightOf(first) + 1;
  }

  #next(deployment: VersionBitsDeployment, state: Bip9Status, end: HeaderRef): Bip9Status {
    const headers = this.#headers;
    const time = headers.medianTimePastOf(end);
    switch (state) {
      case 'defined':
        return time >= deployment.startTime ? 'started' : state;
      case 'started': {
        // Where nobody is warned, nobody needs to count.
        if (this.#unknown.includes(deployment) && headers.heightOf(end) < this.#params.minBip9WarningHeight)
          return state;
        let count = 0;
        let at: HeaderRef | undefined = end;
        for (let i = 0; i < deployment.period && at !== undefined; i += 1) {
          if (this.#signals(deployment, at)) count += 1;
          at = headers.parentOf(at);
        }
        if (count >= deployment.threshold) return 'locked_in';
        return time >= deployment.timeout ? 'failed' : state;
      }
      case 'locked_in':
        return headers.heightOf(end) + 1 >= deployment.minActivationHeight ? 'active' : state;
      case 'active':
      case 'failed':
        return state;
    }
  }

  #signals(deployment: VersionBitsDeployment, ref: HeaderRef): boolean {
    const { bit } = deployment;
    const headers = this.#headers;
    const version = headers.versionOf(ref);
    const votes = (version & VERSIONBITS_TOP_MASK) === VERSIONBITS_TOP_BITS && ((version >>> bit) & 1) === 1;
    if (!votes || !this.#unknown.includes(deployment)) return votes;
    const parent = headers.parentOf(ref);
    return parent !== undefined && headers.heightOf(ref) >= this.#params.minBip9WarningHeight && ((this.blockVersion(parent) >>> bit) & 1) === 0; // biome-ignore format: one condition
  }

  /** The last block of the last whole period up to `parent`; undefined in the first period. */
  #boundary({ period }: VersionBitsDeployment, parent: HeaderRef | undefined): HeaderRef | undefined {
    if (parent === undefined) return undefined;
    const height = this.#headers.heightOf(parent);
    const end = height - ((height + 1) % period);
    return end < 0 ? undefined : this.#headers.ancestorOf(parent, end);
  }

  #before(boundary: HeaderRef, period: number): HeaderRef | undefined {
    const height = this.#headers.heightOf(boundary) - period;
    return height < 0 ? undefined : this.#headers.ancestorOf(boundary, height);
  }
}

/** One a bit, always open, with the usual counts (Core: WarningBitsConditionChecker). */
function unknownDeployments(params: ChainParams): VersionBitsDeployment[] {
  const period = params.isTestChain ? params.powTargetTimespan / params.powTargetSpacing : 2016;
  const threshold = params.isTestChain ? Math.floor((period * 3) / 4) : 1815;
  return Array.from({ length: VERSIONBITS_COUNT }, (_, bit) => ({
    ...{ name: `bit ${bit}`, bit, period, threshold },
    ...{ startTime: 0, timeout: Number.POSITIVE_INFINITY, minActivationHeight: 0 },
  }));
}
