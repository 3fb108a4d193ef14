/** Message types that BIP324 writes as one byte, in the order of their numbers; 0 says that 12 bytes of name follow. */

/** Core: V2_MESSAGE_IDS in src/net.cpp. 29 to 36 belong to messages that it does not have. */
const TYPES_FROM_1 = [
  'addr', 'block', 'blocktxn', 'cmpctblock', 'feefilter', 'filteradd', 'filterclear', 'filterload', 'getblocks',
  'getblocktxn', 'getdata', 'getheaders', 'headers', 'inv', 'mempool', 'merkleblock', 'notfound', 'ping', 'pong',
  'sendcmpct', 'tx', 'getcfilters', 'cfilter', 'getcfheaders', 'cfheaders', 'getcfcheckpt', 'cfcheckpt', 'addrv2',
] as const; // biome-ignore format: a table
const FEATURE_ID = 37;

const TYPE_BY_ID = new Map<number, string>([...TYPES_FROM_1.entries()].map(([i, type]) => [i + 1, type]));
TYPE_BY_ID.set(FEATURE_ID, 'feature');
/** Numbers up to the last one have a meaning, be it an empty name: such a message is ignored, not a defect. */
const ID_MAX = FEATURE_ID;
const ID_BY_TYPE = new Map<string, number>([...TYPE_BY_ID].map(([id, type]) => [type, id]));

/** 1 … 37; undefined for a type that is written out. */
export function shortIdOf(type: string): number | undefined {
  return ID_BY_TYPE.get(type);
}

/** The type of a number; empty where the number is reserved, undefined beyond the table. */
export function messageTypeOf(id: number): string | undefined {
  return id <= ID_MAX ? (TYPE_BY_ID.get(id) ?? '') : undefined;
}
