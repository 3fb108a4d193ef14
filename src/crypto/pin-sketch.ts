/**
 * PinSketch (Dodis, Ostrovsky, Reyzin, Smith 2008), as BIP330 uses it: a set of 32-bit numbers, none of them zero, as
 * `capacity` words that can be combined with those of another set. As long as the two differ by no more than the capacity,
 * the numbers in which they differ come out; otherwise that is seen, nearly always.
 *
 * A number is an element of GF(2^32) with x^32 + x^7 + x^3 + x^2 + 1. The words are the sums of its odd powers over the
 * set. To decode: even power sums are squares; Berlekamp and Massey give the polynomial whose roots are the inverses of the
 * elements; traces split it into its factors.
 */

/** What x^32 is, the higher bits left out. */
const MODULUS = 0x8d;
const FIELD_BITS = 32;

function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = a | 0;
  for (let rest = b >>> 0; rest !== 0; rest >>>= 1) {
    if ((rest & 1) !== 0) product ^= shifted;
    shifted = (shifted << 1) ^ (shifted < 0 ? MODULUS : 0);
  }
  return product >>> 0;
}

/** a^(2^32 − 2), by squares. */
function invert(a: number): number {
  let power = a;
  let product = 1;
  for (let i = 1; i < FIELD_BITS; i += 1) {
    power = multiply(power, power);
    product = multiply(product, power);
  }
  return product;
}

/** The sketch of a set; `combineSketches` of two is the sketch of what only one of the sets has. */
export function createSketch(elements: Iterable<number>, capacity: number): Uint32Array {
  const words = new Uint32Array(capacity);
  for (const element of elements) {
    const square = multiply(element, element);
    let power = element;
    for (let i = 0; i < capacity; i += 1) {
      words[i]! ^= power;
      power = multiply(power, square);
    }
  }
  return words;
}

/** Both of one capacity. */
export function combineSketches(a: Uint32Array, b: Uint32Array): Uint32Array {
  return a.map((word, i) => word ^ b[i]!);
}

/** The elements, in no order; undefined when there are more than the capacity. */
export function decodeSketch(words: Uint32Array): number[] | undefined {
  const sums: number[] = [];
  for (let power = 1; power <= 2 * words.length; power += 1) {
    const half = sums[power / 2 - 1];
    sums.push(power % 2 === 1 ? words[(power - 1) / 2]! : multiply(half!, half!));
  }
  const locator = berlekampMassey(sums);
  const count = locator.length - 1;
  if (count > words.length) return undefined;
  if (count === 0) return [];
  // Read backwards its roots are the elements themselves.
  return rootsOf(monic([...locator].reverse()));
}

/** The shortest recurrence that gives the sums, constant term first. */
function berlekampMassey(sums: readonly number[]): Polynomial {
  let current: number[] = [1];
  let previous: number[] = [1];
  let previousGap = 1;
  let length = 0;
  let shift = 1;
  for (let n = 0; n < sums.length; n += 1) {
    let gap = sums[n]!;
    for (let i = 1; i < current.length; i += 1) gap ^= multiply(current[i]!, sums[n - i] ?? 0);
    gap >>>= 0;
    if (gap === 0) {
      shift += 1;
      continue;
    }
    const factor = multiply(gap, invert(previousGap));
    const next = current.slice();
    for (const [i, coefficient] of previous.entries())
      next[i + shift] = ((next[i + shift] ?? 0) ^ multiply(factor, coefficient)) >>> 0;
    for (let i = 0; i < next.length; i += 1) next[i] ??= 0;
    if (2 * length <= n) {
      previous = current;
      previousGap = gap;
      length = n + 1 - length;
      shift = 1;
    } else shift += 1;
    current = next;
  }
  while (current.length <= length) current.push(0);
  return current.slice(0, length + 1);
}

/** Coefficients, constant term first; the last one is not zero. */
type Polynomial = readonly number[];

function monic(p: Polynomial): Polynomial {
  const top = trimmed([...p]);
  if (top.length === 0) return top;
  const factor = invert(top.at(-1)!);
  return top.map(coefficient => multiply(coefficient, factor));
}

function trimmed(p: number[]): number[] {
  while (p.length > 0 && p.at(-1) === 0) p.pop();
  return p;
}

/** `modulus` is monic. */
function divide(
  p: Polynomial,
  modulus: Polynomial,
): { readonly quotient: Polynomial; readonly rest: Polynomial } {
  const rest = [...p];
  const quotient: number[] = [];
  for (let at = rest.length - modulus.length; at >= 0; at -= 1) {
    const top = rest[at + modulus.length - 1]!;
    quotient[at] = top;
    if (top === 0) continue;
    for (let i = 0; i < modulus.length; i += 1)
      rest[at + i] = (rest[at + i]! ^ multiply(top, modulus[i]!)) >>> 0;
  }
  return { quotient, rest: trimmed(rest.slice(0, modulus.length - 1)) };
}

function greatestCommonDivisor(p: Polynomial, q: Polynomial): Polynomial {
  let [a, b] = [monic(p), monic(q)];
  while (b.length > 0) [a, b] = [b, monic(divide(a, b).rest)];
  return a;
}

/** Squares of sums are sums of squares here. */
function squareModulo(p: Polynomial, modulus: Polynomial): Polynomial {
  const square = new Array<number>(Math.max(0, 2 * p.length - 1)).fill(0);
  for (const [i, coefficient] of p.entries()) square[2 * i] = multiply(coefficient, coefficient);
  return divide(square, modulus).rest;
}

/** Of a monic polynomial; undefined unless it has as many different ones as its degree. */
function rootsOf(p: Polynomial): number[] | undefined {
  // All elements of the field, and nothing else, satisfy x^(2^32) = x.
  let power: Polynomial = divide([0, 1], p).rest;
  for (let i = 0; i < FIELD_BITS; i += 1) power = squareModulo(power, p);
  if (!isSame(power, divide([0, 1], p).rest)) return undefined;
  const roots: number[] = [];
  split(p, 1, roots);
  return roots;
}

/** By the trace of `basis` · x, which is 0 for half of the field; the next basis for what does not fall apart. */
function split(p: Polynomial, basis: number, roots: number[]): void {
  if (p.length === 1) return;
  if (p.length === 2) {
    roots.push(p[0]!);
    return;
  }
  let term: Polynomial = divide([0, basis], p).rest;
  const trace: number[] = [];
  for (let i = 0; i < FIELD_BITS; i += 1) {
    for (const [j, coefficient] of term.entries()) trace[j] = ((trace[j] ?? 0) ^ coefficient) >>> 0;
    term = squareModulo(term, p);
  }
  const factor = greatestCommonDivisor(p, trimmed(trace));
  const next = multiply(basis, 2);
  if (factor.length <= 1 || factor.length === p.length) split(p, next, roots);
  else {
    split(factor, next, roots);
    split(divide(p, factor).quotient, next, roots);
  }
}

function isSame(a: Polynomial, b: Polynomial): boolean {
  return a.length === b.length && a.every((coefficient, i) => coefficient === b[i]);
}
