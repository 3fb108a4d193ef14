/** Amounts of bytes as options have them (Core: ParseByteUnits in util/strencodings.cpp). */

/** Lower case counts by 1000, upper case by 1024. */
const UNITS: Readonly<Record<string, number>> = {
  k: 1_000,
  K: 1_024,
  m: 1_000_000,
  M: 1_024 ** 2,
  g: 1_000_000_000,
  G: 1_024 ** 3,
  t: 1_000_000_000_000,
  T: 1_024 ** 4,
};

/** `12`, `12k`, `12M` …; undefined for anything else, and for what is no safe integer. */
export function parseByteUnits(text: string, defaultUnit: 'M'): number | undefined {
  const match = /^(\d+)([kKmMgGtT])?$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * UNITS[match[2] ?? defaultUnit]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
