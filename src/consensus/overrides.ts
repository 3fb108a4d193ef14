/**
 * Changes to a chain's parameters that options ask for, mostly in tests (Core: chainparams.cpp, HandleDeploymentArgs,
 * ReadSigNetArgs, ReadRegTestArgs). All are pure; bad values throw NetworkFileError with Core's words.
 */
import { hexToBytes, isHex } from '../base/bytes.ts';
import { NetworkFileError } from './network-fields.ts';
import { signetMagic } from './networks.ts';
import type { BuriedDeployment, ChainParams } from './params.ts';

/** Names that -testactivationheight knows buried deployments by. */
const ACTIVATION_NAMES: Readonly<Record<string, BuriedDeployment>> = {
  segwit: 'segwit',
  bip34: 'bip34',
  dersig: 'bip66',
  cltv: 'bip65',
  csv: 'csv',
};
const HEIGHT_MAX = 0x7fff_fffe;
const INTEGER_PATTERN = /^-?\d+$/;
/** Blocks under -fastprune. */
const FAST_PRUNE_HEIGHT = 100;

export interface ParamsOverrides {
  /** `-testactivationheight`: NAME@HEIGHT. */
  readonly activationHeights?: readonly string[];
  /** `-vbparams`: DEPLOYMENT:START:END[:MIN_ACTIVATION_HEIGHT]. */
  readonly versionBits?: readonly string[];
  /** `-signetchallenge`, hex; for signet only. */
  readonly signetChallenge?: readonly string[];
  /** `-signetseednode`; for signet only. */
  readonly signetSeeds?: readonly string[];
  /** `-fastprune`, on regtest. */
  readonly fastPrune?: boolean;
  /** `-test=bip94`, on regtest. */
  readonly enforceBip94?: boolean;
}

export function overrideParams(params: ChainParams, overrides: ParamsOverrides): ChainParams {
  let changed = params;
  if (params.signetChallenge !== null) changed = withSignet(changed, overrides);
  for (const value of overrides.activationHeights ?? []) changed = withActivationHeight(changed, value);
  for (const value of overrides.versionBits ?? []) changed = withVersionBits(changed, value);
  if (!params.isTestChain) return changed;
  if (overrides.fastPrune) changed = { ...changed, pruneAfterHeight: FAST_PRUNE_HEIGHT };
  if (overrides.enforceBip94) changed = { ...changed, enforceBip94: true };
  return changed;
}

function withActivationHeight(params: ChainParams, value: string): ChainParams {
  const option = '-testactivationheight=name@height.';
  const at = value.indexOf('@');
  if (at < 0) throw new NetworkFileError(`Invalid format (${value}) for ${option}`);
  const text = value.slice(at + 1);
  const height = parseInteger(text);
  if (height === undefined || height < 0 || height > HEIGHT_MAX) {
    throw new NetworkFileError(`Invalid height value (${value}) for ${option}`);
  }
  const name = value.slice(0, at);
  const deployment = Object.hasOwn(ACTIVATION_NAMES, name) ? ACTIVATION_NAMES[name] : undefined;
  if (deployment === undefined) throw new NetworkFileError(`Invalid name (${value}) for ${option}`);
  return { ...params, buried: { ...params.buried, [deployment]: height } };
}

function withVersionBits(params: ChainParams, value: string): ChainParams {
  const parts = value.split(':');
  if (parts.length < 3 || parts.length > 4) {
    throw new NetworkFileError(
      'Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]',
    );
  }
  const [name, start, end, minHeight = '0'] = parts as [string, string, string, string?];
  const startTime = parseInteger(start);
  if (startTime === undefined) throw new NetworkFileError(`Invalid nStartTime (${start})`);
  const timeout = parseInteger(end);
  if (timeout === undefined) throw new NetworkFileError(`Invalid nTimeout (${end})`);
  const minActivationHeight = parseInteger(minHeight);
  if (minActivationHeight === undefined) {
    throw new NetworkFileError(`Invalid min_activation_height (${minHeight})`);
  }
  if (!params.deployments.some(deployment => deployment.name === name)) {
    throw new NetworkFileError(`Invalid deployment (${name})`);
  }
  const deployments = params.deployments.map(deployment =>
    deployment.name === name ? { ...deployment, startTime, timeout, minActivationHeight } : deployment,
  );
  return { ...params, deployments };
}

/** A challenge of one's own makes another network: other magic, no seeds, nothing assumed. */
function withSignet(params: ChainParams, { signetChallenge, signetSeeds }: ParamsOverrides): ChainParams {
  let changed = params;
  const [hex, ...more] = signetChallenge ?? [];
  if (hex !== undefined) {
    if (more.length > 0) throw new NetworkFileError('-signetchallenge cannot be multiple values.');
    if (!isHex(hex)) throw new NetworkFileError(`-signetchallenge must be hex, not '${hex}'.`);
    const challenge = hexToBytes(hex);
    changed = {
      ...changed,
      signetChallenge: challenge,
      magic: signetMagic(challenge),
      dnsSeeds: [],
      fixedSeeds: [],
      minimumChainWork: 0n,
      assumedValidBlock: null,
      chainTxData: { time: 0, txCount: 0, txRate: 0 },
    };
  }
  if (signetSeeds !== undefined && signetSeeds.length > 0) changed = { ...changed, dnsSeeds: signetSeeds };
  return changed;
}

/** Times beyond 2^53 all mean "never", so the nearest safe integer does. */
function parseInteger(text: string): number | undefined {
  if (!INTEGER_PATTERN.test(text)) return undefined;
  return Math.max(Math.min(Number(text), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
}
