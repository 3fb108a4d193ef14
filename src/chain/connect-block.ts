/**
 * One block onto the coins and off again (Core: ConnectBlock, DisconnectBlock, UpdateCoins). The rules themselves are
 * in consensus/connect.ts; here their input is gathered, in one read of the store, and their outcome applied.
 */
import { assert } from '../base/assert.ts';
import { hashToHex } from '../base/bytes.ts';
import { checkConnect, needsOverwriteCheck } from '../consensus/connect.ts';
import { blockProof } from '../consensus/pow.ts';
import { Reject } from '../consensus/reject.ts';
import { StoreError } from '../store/errors.ts';
import type { Block } from '../wire/block.ts';
import type { OutPoint, Transaction } from '../wire/transaction.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { type Coin, keyOf, type OutPointKey, outPointKey } from './coin.ts';
import { coinRecordKey, decodeCoin } from './coin-records.ts';
import type { ScriptCheck, ScriptFailure, WriterTask } from './effects.ts';
import { VALID_SCRIPTS } from './header-tree.ts';
import { type BlockUndo, blockUndo } from './undo.ts';

/** Work that far ahead of a block makes it too costly to have us skip an invalid script (Core: ConnectBlock). */
const ASSUMED_VALID_BURIED_SECONDS = 2 * 7 * 24 * 60 * 60;
const OP_RETURN = 0x6a;
/** Longer scripts cannot be spent (Core: MAX_SCRIPT_SIZE). */
const SCRIPT_BYTES_MAX = 10_000;
