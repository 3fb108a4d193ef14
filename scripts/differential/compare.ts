/**
 * When two answers agree. They must be equal to the last character, reject reasons and script errors included, with the
 * exceptions of the list below; counts by kind are kept for the report.
 */
import type { Answer, Answers } from './nodes.ts';

/**
 * Reasons of policy. Which of several is found first is no matter of consensus, so when both refuse and one of the
 * reasons is here, that is no disagreement; but it is counted.
 */
const POLICY_REASONS: readonly string[] = [
  'tx-size-small', 'bad-txns-too-many-sigops', 'min relay fee not met', 'mempool min fee not met', 'max-fee-exceeded',
  'TRUC-violation', 'too-large-cluster',
]; // biome-ignore format: one list

/** Descriptors that Core finds and we do not read: miniscript, that is all within wsh() that is no other descriptor. */
const MINISCRIPT = /^(sh\()?wsh\((?!pk\(|pkh\(|multi\(|raw\()/;

/** The reason of a block that fails by a script. */
const SCRIPT_FAILURE = 'block-script-verify-flag-failed';

export type Agreement = 'equal' | 'policy' | 'order' | 'miniscript' | 'different';

export function compare({ ours, core }: Answers): Agreement {
  const [left, right] = [canonical(ours), canonical(core)];
  if (left === right) return 'equal';
  if (left === canonical(withoutMiniscript(core, ours))) return 'miniscript';
  if (isOtherOrder(ours, core)) return 'order';
  const [mine, theirs] = [policyReason(ours), policyReason(core)];
  if (refuses(ours) && refuses(core) && (mine || theirs)) return 'policy';
  return 'different';
}

/**
 * Of a block with more than one mistake, Core with one thread names a script before what is wrong after it; we, like
 * Core with more threads, look at scripts last.
 */
function isOtherOrder(ours: Answer, core: Answer): boolean {
  if ('error' in ours || 'error' in core) return false;
  const [mine, theirs] = [ours.result, core.result];
  if (typeof mine !== 'string' || typeof theirs !== 'string' || !theirs.startsWith(SCRIPT_FAILURE))
    return false;
  return mine.startsWith('bad-') && !mine.startsWith(SCRIPT_FAILURE);
}

/** Texts of answers that name nothing but the verdict: how cases are spread over outcomes. */
export function outcome({ core }: Answers): string {
  if ('error' in core) return `error ${core.error.code}`;
  const { result } = core;
  if (result === null) return 'accepted';
  if (typeof result === 'string') return /^[0-9a-f]{64}$/.test(result) ? 'value' : result;
  const entry = Array.isArray(result) ? (result[0] as Record<string, unknown> | undefined) : undefined;
  if (entry?.['allowed'] === true) return 'allowed';
  return typeof entry?.['reject-reason'] === 'string' ? entry['reject-reason'] : 'value';
}

function refuses(answer: Answer): boolean {
  return 'error' in answer || reasonOf(answer) !== undefined;
}

function policyReason(answer: Answer): boolean {
  const reason = reasonOf(answer);
  return reason !== undefined && POLICY_REASONS.some(policy => reason.startsWith(policy));
}

function reasonOf(answer: Answer): string | undefined {
  if ('error' in answer) return undefined;
  const [entry] = Array.isArray(answer.result) ? (answer.result as Record<string, unknown>[]) : [];
  const reason = entry?.['reject-reason'];
  return typeof reason === 'string' ? reason : undefined;
}

/** `core` with our descriptors in place of those that we are known not to find. */
function withoutMiniscript(core: unknown, ours: unknown): unknown {
  if (core === null || typeof core !== 'object' || ours === null || typeof ours !== 'object') return core;
  const counterparts = ours as Record<string, unknown>;
  if (Array.isArray(core)) return core.map((value, i) => withoutMiniscript(value, counterparts[i]));
  return Object.fromEntries(
    Object.entries(core).map(([name, value]) => {
      const own = counterparts[name];
      const isUnknown = name === 'desc' && MINISCRIPT.test(value) && /^(addr|raw)\(/.test(String(own));
      return [name, isUnknown ? own : withoutMiniscript(value, own)];
    }),
  );
}

/** JSON with sorted member names; tips of equal height and members of a mempool have no order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (Array.isArray(inner)) {
      if (key === 'result' && inner.every(item => typeof item === 'string')) return inner.toSorted();
      return isTips(inner) ? inner.toSorted((a, b) => (a.hash < b.hash ? -1 : 1)) : inner;
    }
    if (inner === null || typeof inner !== 'object') return inner;
    // How a database packs its files is its own affair.
    const members = Object.entries(inner).filter(([name]) => name !== 'disk_size');
    return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isTips(value: readonly unknown[]): value is { readonly hash: string }[] {
  return value.length > 0 && value.every(item => item instanceof Object && 'branchlen' in item);
}
