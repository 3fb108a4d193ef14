/** What a PSBT holds for each output (BIP174, BIP370, BIP371, BIP373; Core: src/psbt.h). */
import { isCompleteTree, TAP_TREE_DEPTH_MAX, type TapLeaf } from '../script/taproot-tree.ts';
import { type Codec, DecodeError, i64, Reader } from '../wire/codec.ts';
import {
  bip32Derivations,
  bytes32,
  isEmpty,
  isZero,
  proprietary,
  script,
  tapDerivations,
} from './field-kinds.ts';
import {
  keyMap,
  type MapFrom,
  putWithLength,
  single,
  stated,
  unknownFields,
  writeStated,
} from './key-map.ts';
import { musigParticipants } from './musig-fields.ts';

const LEAF_VERSION_MASK = 0xfe;

/** Depth, leaf version and script of every leaf. */
const tapTree: Codec<readonly TapLeaf[]> = {
  read(r) {
    const value = new Reader(r.take(r.compactSize()));
    if (value.remaining === 0) throw new DecodeError('Output Taproot tree must not be empty');
    const leaves: TapLeaf[] = [];
    while (value.remaining > 0) {
      const depth = value.u8();
      const leafVersion = value.u8();
      const leafScript = value.take(value.compactSize());
      if (depth > TAP_TREE_DEPTH_MAX) {
        throw new DecodeError('Output Taproot tree has as leaf greater than Taproot maximum depth');
      }
      if ((leafVersion & ~LEAF_VERSION_MASK) !== 0) {
        throw new DecodeError('Output Taproot tree has a leaf with an invalid leaf version');
      }
      leaves.push({ depth, leafVersion, script: leafScript });
    }
    if (!isCompleteTree(leaves.map(({ depth }) => depth)))
      throw new DecodeError('Output Taproot tree is malformed');
    return leaves;
  },
  write(w, leaves) {
    writeStated(w, inner => {
      for (const leaf of leaves) {
        inner.u8(leaf.depth);
        inner.u8(leaf.leafVersion);
        putWithLength(inner, leaf.script);
      }
    });
  },
};

export const outputMap = keyMap('output', 'an', {
  redeemScript: single(0x00, 'Output redeemScript', script, { isNull: isEmpty }),
  witnessScript: single(0x01, 'Output witnessScript', script, { isNull: isEmpty }),
  bip32Derivations: bip32Derivations(0x02),
  amount: single(0x03, 'Output Amount', stated(i64), {
    refusalInV0: 'Output amount is not allowed in PSBTv0',
  }),
  script: single(0x04, 'Output Script', script, { refusalInV0: 'Output script is not allowed in PSBTv0' }),
  proprietary,
  tapInternalKey: single(0x05, 'Output Taproot Internal Key', stated(bytes32), { isNull: isZero }),
  tapTree: single(0x06, 'Output Taproot Tree Key', tapTree),
  tapDerivations: tapDerivations(0x07, 'Output'),
  musigParticipants: musigParticipants(0x08, 'Output'),
  unknown: unknownFields,
});

export type PsbtOutput = MapFrom<typeof outputMap>;
