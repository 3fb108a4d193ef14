/** How callers say which fee estimate they want (Core: common/messages.cpp, rpc/util.cpp). */
import { RpcCode, RpcError } from './codes.ts';

/** A week of blocks. */
const CONFIRM_TARGET_MAX = 1_008;
const ESTIMATE_MODES = ['unset', 'economical', 'conservative'] as const;
export type EstimateMode = (typeof ESTIMATE_MODES)[number];

/** In small letters or capitals. Throws RpcError −8. */
export function toEstimateMode(text: string): EstimateMode {
  const mode = ESTIMATE_MODES.find(known => known === text.toLowerCase());
  if (mode === undefined) {
    const modes = ESTIMATE_MODES.map(known => `"${known}"`).join(', ');
    throw new RpcError(
      RpcCode.INVALID_PARAMETER,
      `Invalid estimate_mode parameter, must be one of: ${modes}`,
    );
  }
  return mode;
}

/** Blocks. Throws RpcError −8. */
export function toConfirmTarget(target: number): number {
  if (target >= 1 && target <= CONFIRM_TARGET_MAX) return target;
  throw new RpcError(
    RpcCode.INVALID_PARAMETER,
    `Invalid conf_target, must be between 1 and ${CONFIRM_TARGET_MAX}`,
  );
}
