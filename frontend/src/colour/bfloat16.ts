/**
 * bfloat16 codes: the upper 16 bits of a float32, rounded.
 *
 * To draw a matrix of codes, the page looks each one up in a table of 65,536 colours, so any colour scale
 * costs the same.
 */

export const NAN = 0x7fc0;
export const PADDING = 0x7fc1;
export const POSITIVE_INFINITY = 0x7f80;
export const NEGATIVE_INFINITY = 0xff80;
const LARGEST_FINITE = 0x7f7f;
const MAGNITUDE = 0x7fff;

/** How many codes there are. */
export const CODES = 0x10000;

/**
 * Round float32 bits to codes, to nearest, ties to even.
 *
 * Non-zero values never become 0 and finite values stay finite: otherwise a gradient would look vanished or
 * exploded. NaN keeps its upper bits, and so do the bits that mark padding.
 */
export function toCodes(bits: Uint32Array): Uint16Array {
  const codes = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const magnitude = word & 0x7fffffff;
    if (magnitude >= 0x7f800000) {
      codes[i] = word >>> 16;
      continue;
    }
    let code = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
    if ((code & MAGNITUDE) > LARGEST_FINITE) code -= 1;
    else if ((code & MAGNITUDE) === 0 && magnitude !== 0) code += 1;
    codes[i] = code;
  }
  return codes;
}

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The number that a code stands for. */
export function codeValue(code: number): number {
  word[0] = code << 16;
  return float[0];
}

/** The rank of a code by magnitude: padding, then 0, finite numbers, infinities, NaN. */
export function rank(code: number): number {
  return code === PADDING ? -1 : code & MAGNITUDE;
}
