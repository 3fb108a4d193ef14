/** What is known of a block besides its header, as bits; the index on disk has them too (Core: chain.h, BlockStatus). */

/** How far a block was checked: the low bits of its status. */
export const VALID_MASK = 7;
/** The header and its ancestors' are valid. */
export const VALID_TREE = 2;
/** The block was checked as far as that goes without its ancestors. */
export const VALID_TRANSACTIONS = 3;
/** Amounts and scripts too. */
export const VALID_SCRIPTS = 5;
export const HAVE_DATA = 8;
export const HAVE_UNDO = 16;
/** Broke a rule, or descends from a block that did. */
export const FAILED = 32;
/** Stored with its witnesses. */
export const WITNESS_DATA = 128;
