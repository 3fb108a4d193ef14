/**
 * Where the code says what it does. Core writes into this interface only; the shell decides where lines go.
 * Keys, cookies and passphrases never reach it.
 */
export interface Log {
  /** For whoever runs the node: state changes worth a line. */
  info(message: string): void;
  /** Something is wrong but the node goes on. */
  warn(message: string): void;
  /** For `-debug=<category>`; `message` is built only when the category is wanted. */
  debug(category: LogCategory, message: () => string): void;
}

/** Core's categories, as `-debug=` takes them, in the order in which `logging` lists them (Core: logging.cpp). Some are of parts that only Core has: rigs name them. */
export const LOG_CATEGORIES = [
  'addrman', 'bench', 'blockstorage', 'cmpctblock', 'coindb', 'estimatefee', 'http', 'i2p', 'ipc', 'kernel', 'leveldb',
  'mempool', 'mempoolrej', 'net', 'privatebroadcast', 'proxy', 'prune', 'qt', 'rand', 'reindex', 'rpc', 'scan',
  'selectcoins', 'tor', 'txpackages', 'txreconciliation', 'validation', 'walletdb', 'zmq',
] as const; // biome-ignore format: one list
export type LogCategory = (typeof LOG_CATEGORIES)[number];

/** Was one, and rigs still name it: does nothing. */
export const FORMER_LOG_CATEGORY = 'libevent';

export const SILENT_LOG: Log = { info() {}, warn() {}, debug() {} };
