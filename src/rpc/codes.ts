/**
 * Error codes of the RPC interface and the error that carries one to the caller (Core: rpc/protocol.h). Numbers are
 * part of the interface: clients and tests compare them.
 */
import type { Reject, RejectKind } from '../consensus/reject.ts';

export const RpcCode = {
  // JSON-RPC 2.0's own
  INVALID_REQUEST: -32600,
  METHOD_NOT_FOUND: -32601,
  INVALID_PARAMS: -32602,
  INTERNAL_ERROR: -32603,
  PARSE_ERROR: -32700,
  // General
  MISC_ERROR: -1,
  TYPE_ERROR: -3,
  INVALID_ADDRESS_OR_KEY: -5,
  OUT_OF_MEMORY: -7,
  INVALID_PARAMETER: -8,
  DATABASE_ERROR: -20,
  DESERIALIZATION_ERROR: -22,
  VERIFY_ERROR: -25,
  VERIFY_REJECTED: -26,
  VERIFY_ALREADY_IN_UTXO_SET: -27,
  IN_WARMUP: -28,
  METHOD_DEPRECATED: -32,
  LIMIT_EXCEEDED: -37,
  // Network
  CLIENT_NOT_CONNECTED: -9,
  CLIENT_IN_INITIAL_DOWNLOAD: -10,
  CLIENT_NODE_ALREADY_ADDED: -23,
  CLIENT_NODE_NOT_ADDED: -24,
  CLIENT_NODE_NOT_CONNECTED: -29,
  CLIENT_INVALID_IP_OR_SUBNET: -30,
  CLIENT_P2P_DISABLED: -31,
  CLIENT_NODE_CAPACITY_REACHED: -34,
  CLIENT_MEMPOOL_DISABLED: -33,
  // Wallet
  WALLET_ERROR: -4,
  WALLET_INSUFFICIENT_FUNDS: -6,
  WALLET_INVALID_LABEL_NAME: -11,
  WALLET_KEYPOOL_RAN_OUT: -12,
  WALLET_UNLOCK_NEEDED: -13,
  WALLET_PASSPHRASE_INCORRECT: -14,
  WALLET_WRONG_ENC_STATE: -15,
  WALLET_ENCRYPTION_FAILED: -16,
  WALLET_ALREADY_UNLOCKED: -17,
  WALLET_NOT_FOUND: -18,
  WALLET_NOT_SPECIFIED: -19,
  WALLET_ALREADY_LOADED: -35,
  WALLET_ALREADY_EXISTS: -36,
} as const;
export type RpcCode = (typeof RpcCode)[keyof typeof RpcCode];

/** What a method throws to answer with an error. `message` reaches the caller: no secrets. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;

  constructor(code: RpcCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a refused transaction earns its sender (Core: node/transaction.cpp, rpc/util.cpp RPCErrorFromTransactionError). */
const TRANSACTION_CODES: Readonly<Record<RejectKind, RpcCode>> = {
  consensus: RpcCode.VERIFY_REJECTED,
  header: RpcCode.VERIFY_REJECTED,
  mutated: RpcCode.VERIFY_REJECTED,
  'missing-parent': RpcCode.VERIFY_REJECTED,
  'invalid-parent': RpcCode.VERIFY_REJECTED,
  future: RpcCode.VERIFY_REJECTED,
  'low-work': RpcCode.VERIFY_REJECTED,
  policy: RpcCode.VERIFY_REJECTED,
  reconsiderable: RpcCode.VERIFY_REJECTED,
  'missing-inputs': RpcCode.VERIFY_ERROR,
  premature: RpcCode.VERIFY_REJECTED,
  conflict: RpcCode.VERIFY_REJECTED,
  witness: RpcCode.VERIFY_REJECTED,
};

/** The answer to whoever submitted a transaction that was refused. */
export function transactionError(reject: Reject): RpcError {
  return new RpcError(TRANSACTION_CODES[reject.kind], reject.message);
}
