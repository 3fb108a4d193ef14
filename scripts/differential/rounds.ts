/**
 * What the fuzzer does over and over: fund new coins, ask about transactions that spend them (mempool and block rules),
 * about encodings, and grow a tree of right and wrong blocks on top; then both nodes must stand at the same place.
 */
import { type BlockHash, bytesToHex, hashToHex, hexToHash } from '../../src/base/bytes.ts';
import { keyOf } from '../../src/consensus/coin.ts';
import { type Block, createBlock } from '../../src/wire/block.ts';
import type { Transaction } from '../../src/wire/transaction.ts';
import {
  type BlockDraft,
  changeDraft,
  draftOn,
  fillSigops,
  finish,
  GENESIS,
  medianTime,
  type Place,
  placeOf,
} from './blocks.ts';
import { bytesCase, children, feeOf, mempoolCase, packageCase, sigopCostOf } from './cases.ts';
import { compare, outcome } from './compare.ts';
import { Dice } from './dice.ts';
import { type Coin, coinOf, fund, type Spend, spendCoins } from './generate.ts';
import { ANYONE, randomLock } from './locks.ts';
import { BURN_MAX, levelMempools } from './mempools.ts';
import { mutateBytes, mutateSpend, withOtherWitness } from './mutate.ts';
import type { Case, Session } from './session.ts';

const MATURITY = 100;
const SETUP_BLOCKS = 115;
/** 14 November 2023: where the chain starts, so that the same seed makes the same blocks. */
const START_TIME = 1_700_000_000;
/** Coinbases that are split into purses, of which each round takes one. */
const PURSE_COINBASES = 4;
const PURSES = 2_000;
const PURSE_VALUE = 2_400_000;
const COINS_A_ROUND = 240;
const COIN_VALUE = 9_000;
const BATCH = 80;
const BATCHES_A_ROUND = 12;
/** Of transactions that have an output anyone can spend. */
const PACKAGES = 0.25;
const TREE_BLOCKS = 14;
/** Transactions that each round sends into the mempools. */
const MINED_A_ROUND = 12;
/** Of rounds; blocks that one takes back at most. */
const DEEP_REORGANISATIONS = 0.15;
const DEPTH_MAX = 25;
/** Coins of earlier rounds that are tried again: older, and perhaps spent. */
const OLD_COINS = 400;
const OLD_COINS_A_ROUND = 40;

export interface FuzzerOptions {
  /** Inputs of other fuzzers. */
  readonly corpus: readonly Uint8Array[];
  /** From which height on blocks commit to witnesses. */
  readonly segwitHeight: number;
}

export class Fuzzer {
  readonly #session: Session;
  readonly #coinbases: Coin[] = [];
  readonly #options: FuzzerOptions;
  readonly #oldCoinbases: Transaction[] = [];
  #oldCoins: Coin[] = [];
  #purses: Coin[] = [];
  #tip: Place = GENESIS;
  #now = START_TIME;
  #tag = 0;

  constructor(session: Session, options: FuzzerOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** A chain long enough to pay from, the same on both nodes. */
  async prepare(): Promise<void> {
    await this.#setTime(START_TIME + SETUP_BLOCKS * 2);
    for (let i = 0; i < SETUP_BLOCKS; i += 1) {
      const draft = this.#draft(this.#tip, []);
      if (i === 0) draft.time = START_TIME;
      const block = await this.#mustConnect(draft);
      this.#addCoinbase(block);
    }
    const locks = Array.from({ length: PURSES }, () => ANYONE);
    const funds = this.#coinbases.slice(0, PURSE_COINBASES).map(coin => fund(coin, locks, PURSE_VALUE));
    await this.#mustConnect(this.#draft(this.#tip, funds.map(({ tx }) => tx))); // biome-ignore format: short
    this.#purses = funds.flatMap(({ coins }) => coins);
  }

  /** Purses are left. */
  get canGoOn(): boolean {
    return this.#purses.length > 0;
  }

  async run(round: number): Promise<void> {
    const session = this.#session;
    const dice = new Dice((session.seed * 0x9e3779b1 + round) >>> 0);
    session.round = round;
    session.blocks.length = 0;
    await this.#setTime(Math.max(this.#now, this.#tip.times[0]!) + dice.between(1, 1200));
    const locks = Array.from({ length: COINS_A_ROUND }, () => randomLock(dice, this.#options.corpus));
    const { tx, coins } = fund(this.#purses.shift()!, locks, COIN_VALUE);
    const block = await this.#mustConnect(this.#draft(this.#tip, [tx]));
    this.#addCoinbase(block);
    for (let batch = 0; batch < BATCHES_A_ROUND; batch += 1) await this.#transactions(dice, coins);
    await this.#encodings(dice, coins);
    await this.#mineMempool(dice, coins);
    await this.#tree(dice, coins);
    this.#oldCoins = [...this.#oldCoins, ...coins.slice(0, OLD_COINS_A_ROUND)].slice(-OLD_COINS);
    await this.#sameState();
    if (dice.chance(DEEP_REORGANISATIONS)) await this.#reorganise(dice);
  }

  /** Takes back many blocks, adds some, and goes back. */
  async #reorganise(dice: Dice): Promise<void> {
    const height = this.#tip.height - dice.between(3, DEPTH_MAX);
    const hash: string = await this.#session.pair.core.rpc('getblockhash', height);
    const story = `down to ${height}`;
    await this.#session.check('invalidateblock', [{ method: 'invalidateblock', params: [hash], story }]);
    await this.#sameState();
    for (let count = dice.below(3); count > 0; count -= 1) {
      await this.#submit(finish(this.#draft(this.#tip, [])), ['after a reorganisation']);
      await this.#sameState();
    }
    await this.#session.check('reconsiderblock', [{ method: 'reconsiderblock', params: [hash], story }]);
    await this.#sameState();
  }

  async #transactions(dice: Dice, coins: readonly Coin[]): Promise<void> {
    const spends = Array.from({ length: BATCH }, () => this.#spend(dice, coins));
    const answers = await this.#session.check(
      'testmempoolaccept',
      spends.map(spend => mempoolCase(spend)),
    );
    const packages = spends.map(({ tx, story }) => ({ txs: [tx, ...children(dice, tx)], story }));
    await this.#session.check(
      'testmempoolaccept of parent and child',
      packages.filter(({ txs }) => txs.length > 1 && dice.chance(PACKAGES)).map(packageCase),
    );
    await this.#session.check(
      'block proposal with a transaction',
      spends.map(spend => this.#proposalCase(spend, dice.chance(0.08) ? dice.pick([0, 1]) : undefined)),
    );
    // The nodes remember these, by what must not be the txid.
    const remembered = spends.filter((_, i) => outcome(answers[i]!) === 'allowed' && dice.chance(0.4));
    await this.#session.check(
      'block proposal with another witness than the mempool saw',
      remembered.map(spend => this.#proposalCase(withOtherWitness(dice, spend), undefined)),
    );
  }

  /** Transactions into both mempools, then blocks of them: as they are, with another witness, beside strangers, twice. */
  async #mineMempool(dice: Dice, coins: readonly Coin[]): Promise<void> {
    const spends = Array.from({ length: MINED_A_ROUND }, () => this.#validSpend(dice, coins));
    await this.#session.check(
      'sendrawtransaction',
      spends.map(({ tx, story }) => ({
        method: 'sendrawtransaction',
        params: [bytesToHex(tx.raw), 0, BURN_MAX],
        story: story.join(', '),
      })),
    );
    for (let count = dice.between(1, 3); count > 0; count -= 1) {
      const chosen = spends.filter(() => dice.chance(0.5));
      const others = chosen.map(spend => (dice.chance(0.15) ? withOtherWitness(dice, spend) : spend));
      if (dice.chance(0.3)) others.push(this.#validSpend(dice, coins));
      const txs = others.flatMap(({ tx }) => (dice.chance(0.1) ? [tx, ...children(dice, tx)] : [tx]));
      const told = others.map(({ story: each }) => each.join(', '));
      await this.#submit(finish(this.#draft(this.#tip, txs)), ['of the mempool', ...told]);
      await this.#sameState();
    }
  }

  #spend(dice: Dice, coins: readonly Coin[]): Spend {
    const chosen = Array.from({ length: dice.chance(0.75) ? 1 : dice.between(2, 4) }, () =>
      this.#pickCoin(dice, coins),
    );
    const distinct = [...new Set(chosen)];
    if (dice.chance(0.03)) distinct.push(this.#coinbaseNear(dice));
    if (dice.chance(0.1) && this.#oldCoins.length > 0) distinct.push(dice.pick(this.#oldCoins));
    const place = { height: this.#tip.height, medianTime: medianTime(this.#tip) };
    const spend = spendCoins(dice, distinct, dice.chance(0.7) ? 0 : 0.5, place);
    return dice.chance(0.45) ? mutateSpend(dice, spend, [...coins, this.#coinbaseNear(dice)]) : spend;
  }

  /** Before segwit is active, a block with a witness is refused for that alone. */
  #pickCoin(dice: Dice, coins: readonly Coin[]): Coin {
    const coin = dice.pick(coins);
    const isUseful =
      this.#segwit(this.#tip) === 'active' || /^(bare|P2SH) /.test(coin.lock.name) || dice.chance(0.1);
    return isUseful ? coin : this.#pickCoin(dice, coins);
  }

  #segwit(parent: Place): 'active' | 'not active' {
    return parent.height + 1 >= this.#options.segwitHeight ? 'active' : 'not active';
  }

  #addCoinbase(block: Block): void {
    const coinbase = block.transactions[0]!;
    this.#coinbases.push(coinOf(coinbase, 0, ANYONE));
    this.#oldCoinbases.push(coinbase);
  }

  /** One that is, or is not yet, or is just mature. */
  #coinbaseNear(dice: Dice): Coin {
    const youngest = this.#tip.height + 1 - MATURITY;
    return this.#coinbases[youngest - 1 + dice.between(-1, 1)] ?? dice.pick(this.#coinbases);
  }

  /** With `excess`: in a block that is at the limit of signature operations, or that many over it. */
  #proposalCase(spend: Spend, excess: number | undefined): Case {
    const place = this.#tip;
    const ask = (tx: Transaction) => {
      const draft = this.#draft(place, [tx]);
      if (excess !== undefined) fillSigops(draft, sigopCostOf(spend), excess);
      draft.proofOfWork = 'whatever';
      return {
        method: 'getblocktemplate',
        params: [{ mode: 'proposal', data: hexOf(finish(draft)), rules: ['segwit'] }],
      };
    };
    return { ...ask(spend.tx), story: spend.story.join(', '), subject: { tx: spend.tx, ask } };
  }

  async #encodings(dice: Dice, coins: readonly Coin[]): Promise<void> {
    const { corpus } = this.#options;
    const foreign = () => (corpus.length > 0 ? dice.pick(corpus) : dice.bytes(dice.below(300)));
    const inputs = Array.from({ length: BATCH }, () =>
      dice.weighted<() => Uint8Array>([
        [3, () => mutateBytes(dice, this.#spend(dice, coins).tx.raw)],
        [1, () => this.#spend(dice, coins).tx.raw],
        [2, () => foreign()],
        [2, () => mutateBytes(dice, foreign())],
        [1, () => dice.bytes(dice.below(120))],
        [2, () => randomLock(dice).scriptPubKey],
        [2, () => mutateBytes(dice, randomLock(dice).scriptPubKey)],
      ])(),
    );
    const witness = dice.pick([[], [true], [false]]);
    await this.#session.check(
      'decoderawtransaction',
      inputs.map(bytes => bytesCase('decoderawtransaction', bytes, witness)),
    );
    const texts = inputs.map(bytes => Buffer.from(bytes.subarray(0, 200)).toString('latin1'));
    await this.#session.check(
      'validateaddress',
      texts.map(text => ({ method: 'validateaddress', params: [text], story: 'text' })),
    );
    await this.#session.check(
      'decodescript',
      inputs.map(bytes => bytesCase('decodescript', bytes)),
    );
  }

  /** Blocks on this round's one and on each other. */
  async #tree(dice: Dice, coins: readonly Coin[]): Promise<void> {
    const session = this.#session;
    const places: Place[] = [this.#tip];
    const made: Block[] = [];
    const held: Block[] = [];
    const taken: Block[] = [];
    for (let i = 0; i < TREE_BLOCKS; i += 1) {
      const parent = dice.chance(0.7) ? places.at(-1)! : dice.pick(places);
      const spends = Array.from({ length: dice.below(5) }, () => this.#validSpend(dice, coins));
      const txs = spends.flatMap(spend =>
        dice.chance(0.3) ? [spend.tx, ...children(dice, spend.tx)] : [spend.tx],
      );
      const draft = this.#draft(parent, txs);
      const fees = spends.reduce((sum, spend) => sum + feeOf(spend), 0);
      const sigopCost = spends.reduce((sum, spend) => sum + sigopCostOf(spend), 0);
      const story = dice.chance(0.5)
        ? changeDraft(dice, draft, {
            parent,
            now: this.#now,
            fees,
            sigopCost,
            oldCoinbases: this.#oldCoinbases,
          })
        : ['as it should be'];
      const block = finish(draft);
      made.push(block);
      // Sometimes a block comes after its children.
      const isHeld = dice.chance(0.06);
      if (isHeld) held.push(block);
      const isTaken = !isHeld && (await this.#submit(block, story));
      if (dice.chance(isTaken ? 0.97 : 0.12)) places.push(placeOf(block, parent));
      if (isTaken) taken.push(block);
      if (dice.chance(0.15)) await this.#submit(dice.pick(made), ['once more']);
      if (dice.chance(0.1)) await this.#submitBytes(mutateBytes(dice, block.raw), ['bytes changed']);
      if (dice.chance(0.15)) await this.#invalidate(taken.length > 0 ? dice.pick(taken) : block);
    }
    for (const block of held) await this.#submit(block, ['held back']);
    for (const block of made)
      await session.check('reconsiderblock', [
        { method: 'reconsiderblock', params: [hashToHex(block.header.hash)], story: '' },
      ]);
  }

  async #invalidate(block: Block): Promise<void> {
    const params = [hashToHex(block.header.hash)];
    await this.#session.check('invalidateblock', [{ method: 'invalidateblock', params, story: '' }]);
    await this.#sameState();
  }

  /** Of coins of this round, seldom wrong. */
  #validSpend(dice: Dice, coins: readonly Coin[]): Spend {
    const place = { height: this.#tip.height, medianTime: medianTime(this.#tip) };
    const spend = spendCoins(dice, [this.#pickCoin(dice, coins)], 0, place);
    return dice.chance(0.06) ? mutateSpend(dice, spend, coins) : spend;
  }

  /** Whether it was stored: connected, or on a branch with less work. */
  async #submit(block: Block, story: readonly string[]): Promise<boolean> {
    return this.#submitBytes(block.raw, story);
  }

  async #submitBytes(raw: Uint8Array, story: readonly string[]): Promise<boolean> {
    const hex = bytesToHex(raw);
    this.#session.blocks.push(hex.length > 20_000 ? `${hex.slice(0, 160)}…` : hex);
    const [answers] = await this.#session.check('submitblock', [
      { method: 'submitblock', params: [hex], story: story.join(', ') },
    ]);
    return ['accepted', 'inconclusive'].includes(outcome(answers!));
  }

  async #mustConnect(draft: BlockDraft): Promise<Block> {
    const block = finish(draft);
    const [answers] = await this.#session.check('submitblock', [
      { method: 'submitblock', params: [hexOf(block)], story: 'block of funds' },
    ]);
    if (JSON.stringify(answers!.core) !== '{"result":null}')
      throw new Error(`The base block was refused: ${JSON.stringify(answers!.core)}`);
    this.#session.blocks.push(hexOf(block).slice(0, 160));
    this.#tip = placeOf(block, this.#tip);
    return block;
  }

  /** Tip, tips, and every coin. */
  async #sameState(): Promise<void> {
    const story = 'the state of the chain';
    const [tip] = await this.#session.check('state', [
      { method: 'getbestblockhash', params: [], story },
      { method: 'gettxoutsetinfo', params: ['hash_serialized_3', null, false], story },
    ]);
    const [pools] = await this.#session.check(
      'mempool',
      [{ method: 'getrawmempool', params: [], story }],
      'counted',
    );
    if (compare(pools!) !== 'equal') {
      const apart = await levelMempools(this.#session.pair);
      this.#oldCoins = this.#oldCoins.filter(coin => !apart.has(keyOf(coin.outPoint)));
    }
    const hash = (tip!.core as { result: string }).result;
    await this.#session.check('chain as JSON', [
      { method: 'getchaintips', params: [], story },
      { method: 'getdeploymentinfo', params: [], story },
      { method: 'getblockheader', params: [hash], story },
      { method: 'getblock', params: [hash, 3], story },
    ]);
    await this.#moveTo(hexToHash<BlockHash>(hash));
  }

  /** Learns where the nodes stand. */
  async #moveTo(hash: BlockHash): Promise<void> {
    const times: number[] = [];
    let height = 0;
    let at: string | undefined = hashToHex(hash);
    while (at !== undefined && times.length < 11) {
      const header: { height: number; time: number; previousblockhash?: string } =
        await this.#session.pair.core.rpc('getblockheader', at);
      if (times.length === 0) height = header.height;
      times.push(header.time);
      at = header.previousblockhash;
    }
    this.#tip = { hash, height, times };
  }

  #draft(parent: Place, txs: readonly Transaction[]): BlockDraft {
    this.#tag += 1;
    return draftOn(parent, this.#tag, txs, this.#segwit(parent));
  }

  async #setTime(time: number): Promise<void> {
    this.#now = time;
    await this.#session.check('setmocktime', [{ method: 'setmocktime', params: [time], story: '' }]);
  }
}

function hexOf(block: Block): string {
  return bytesToHex(createBlock(block.header, block.transactions).raw);
}
