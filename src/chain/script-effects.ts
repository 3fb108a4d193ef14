/**
 * The writer's effects about scripts, performed with nothing but a function that checks them: at once, as tests and the
 * simulator do, or by a promise, as the workers do.
 */
import { StandAside } from '../base/task.ts';
import type { SignatureCacheUse } from '../crypto/signature-cache.ts';
import type { BegunScripts, ScriptCheck, ScriptFailure, WriterEffect } from './effects.ts';

export type ScriptEffect = Extract<
  WriterEffect,
  { readonly kind: 'checkScripts' | 'beginScripts' | 'awaitScripts' | 'standAside' }
>;

export type CheckScripts = (
  checks: readonly ScriptCheck[],
  signatures: SignatureCacheUse,
) => ScriptFailure | undefined | Promise<ScriptFailure | undefined>;

export function performScripts(effect: ScriptEffect, check: CheckScripts): unknown {
  switch (effect.kind) {
    case 'checkScripts':
      return check(effect.checks, effect.signatures);
    case 'beginScripts':
      return { verdict: check(effect.checks, effect.signatures) } satisfies BegunScripts;
    case 'awaitScripts':
      return effect.begun.verdict;
    case 'standAside':
      return new StandAside(Promise.resolve(effect.begun?.verdict));
  }
}

export function isScriptEffect(effect: { readonly kind: string }): effect is ScriptEffect {
  const { kind } = effect;
  return (
    kind === 'checkScripts' || kind === 'beginScripts' || kind === 'awaitScripts' || kind === 'standAside'
  );
}
