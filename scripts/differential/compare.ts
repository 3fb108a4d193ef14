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

export type Agreement = 'equal' | 'policy' | 'different';

export function compare({ ours, core }: Answers): Agreement {
  if (canonical(ours) === canonical(core)) return 'equal';
  const [mine, theirs] = [policyReason(ours), policyReason(core)];
  if (refuses(ours) && refuses(core) && (mine || theirs)) return 'policy';
  return 'different';
}

/** Texts of answers that name nothing but the verdict: how cases are spread over outcomes. */
export function outcome({ core }: Answers): string {
  if ('error' in core) return `error ${core.error.code}`;
  const { result } = core;
  if (result === null) return 'accepted';
  if (typeof result === 'string') return result;
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

/** JSON with sorted member names. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
