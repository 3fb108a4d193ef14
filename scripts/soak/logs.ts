/** What a soak reads in debug logs of Core's form, ours and bitcoind's alike. */
import fs from 'node:fs';

/** A transaction was announced by a peer. */
export interface Arrival {
  /** In the order in which people read it. */
  readonly wtxid: string;
  /** Milliseconds of the Unix epoch. */
  readonly at: number;
  readonly peerAgent: string;
}

const VERSION = /receive version message: (\S+): version .* peer=(\d+)/;
const ANNOUNCED = /^(\S+Z) .*got inv: wtx ([0-9a-f]{64}) +(?:new|have) peer=(\d+)/;
const ODD =
  /misbehav|discourag|disconnecting peer|wrong checksum|checksum error|unparseable|\berror\b|timeout|invalid block|bad-/i;
/** Core says at each start that it has no such file yet. */
const USUAL =
  /Missing or invalid file|fee_estimates|does not exist|banlist|anchors|peers\.dat|mempool\.dat|Command-line arg|Config file/i;

/** Needs `-debug=net` and `-logtimemicros`. */
export function arrivalsIn(log: string): Arrival[] {
  const agents = new Map<string, string>();
  const arrivals: Arrival[] = [];
  for (const line of linesOf(log)) {
    const version = VERSION.exec(line);
    if (version !== null) agents.set(version[2]!, version[1]!);
    const announced = ANNOUNCED.exec(line);
    if (announced === null) continue;
    const [, time, wtxid, peer] = announced;
    arrivals.push({ wtxid: wtxid!, at: Date.parse(time!), peerAgent: agents.get(peer!) ?? '' });
  }
  return arrivals;
}

/** Lines that tell of a peer's mistake, or of one of ours. */
export function suspiciousLines(log: string): string[] {
  return linesOf(log).filter(line => ODD.test(line) && !USUAL.test(line));
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function linesOf(log: string): string[] {
  return fs.readFileSync(log, 'latin1').split('\n');
}
