/**
 * `feature` (BIP434): a peer names something optional that it can do. Unlike other messages it must end where its format
 * ends, and one that does not follow it costs the connection (p2p/penalty.ts).
 */
import { type Codec, DecodeError, type Infer, struct, varBytes, varText } from './codec.ts';

/** Bytes of a name, and of what is said of it (BIP434; Core: MAX_FEATUREID_LENGTH, MAX_FEATUREDATA_LENGTH). */
const ID_BYTES_MIN = 4;
const ID_BYTES_MAX = 80;
const DATA_BYTES_MAX = 512;

/** `id` is latin1 text. */
const body = struct({ id: varText(ID_BYTES_MAX), data: varBytes(DATA_BYTES_MAX) });

export const feature: Codec<Infer<typeof body>> = {
  read(r) {
    const value = body.read(r);
    if (value.id.length < ID_BYTES_MIN) throw new DecodeError('Feature id too short');
    if (r.remaining > 0) throw new DecodeError('Bytes after the feature');
    return value;
  },
  write: body.write,
};
