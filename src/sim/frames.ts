/**
 * Messages to frames and back, with the daemon's own codecs. There are two ways, and a test compares the traces of both:
 * all is encoded, given its checksum, checked and decoded each time (byte-frames.ts); or what nodes send alike is, once for
 * all who send and get it (shared-frames.ts).
 */
import type { P2pEvent, PeerId } from '../p2p/events.ts';
import type { FrameDecoder } from '../wire/frame.ts';
import type { Command, Message } from '../wire/messages.ts';

/** A frame on its way. The network sees how long it is, the trace what it ends with. */
export interface SimFrame {
  readonly command: Command;
  /** Bytes on the wire, header and payload. */
  readonly length: number;
  /** As frames carry it; 32 bits. */
  readonly checksum: number;
}

/** Who gets a frame. */
export interface FrameReceiver {
  readonly peer: PeerId;
  /** With pipes, its own. */
  decoder: FrameDecoder | undefined;
}

export interface Frames {
  encode(message: Message): SimFrame;
  /** A stored block as a `block` message. */
  encodeBlock(raw: Uint8Array): SimFrame;
  /** What the node is told of a frame that has come. */
  decode(receiver: FrameReceiver, frame: SimFrame): P2pEvent;
}
