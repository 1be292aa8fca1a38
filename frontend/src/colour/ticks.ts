/** The positions of numbers on axes and colour bars. */

import { placer, type Scale } from "./scale";

/** The least of the steps 1, 2, 5, 10, ... that gives at most `most` ticks over `span`. */
export function niceStep(span: number, most: number): number {
  const raw = span / Math.max(1, most);
  const decade = 10 ** Math.floor(Math.log10(raw));
  return decade * ([1, 2, 5, 10].find((factor) => factor * decade >= raw * (1 - 1e-9)) as number);
}

/** How many steps between numbers a linear axis has at most. */
const LINEAR_TICKS = 6;
/** A share of a step that rounding may have cost. */
const NEARLY = 1e-9;

/** The ends of a linear axis that holds both values, at multiples of the distance between its numbers. */
export function roundEnds(low: number, high: number): [number, number] {
  let [from, to] = [low, high];
  for (let step = 0; step !== niceStep(to - from, LINEAR_TICKS); ) {
    step = niceStep(to - from, LINEAR_TICKS);
    [from, to] = [step * Math.floor(low / step + NEARLY), step * Math.ceil(high / step - NEARLY)];
  }
  return [from, to];
}

/** Whole numbers at round steps, `from <= tick < to`. */
export function integerTicks(from: number, to: number, most: number): number[] {
  const step = Math.max(1, niceStep(to - from, most));
  const ticks: number[] = [];
  for (let tick = Math.ceil(from / step) * step; tick < to; tick += step) ticks.push(tick);
  return ticks;
}

/**
 * Numbers for a colour bar, at least `gap` (a share of the bar) apart: its ends, 0, and powers of ten
 * between. A short log scale also has 2 and 5 times those.
 */
export function scaleTicks(scale: Scale, gap: number): number[] {
  return ticksApart(scale, () => gap);
}

/** The width of a digit, and the distance between two numbers, in pixels. */
const CHARACTER = 6.2;
const BETWEEN = 8;

/** The same for a bar of `length` pixels with numbers below, whose written width keeps them apart. */
export function barTicks(scale: Scale, length: number): number[] {
  const width = (tick: number) => CHARACTER * short(tick).length;
  return ticksApart(scale, (a, b) => (BETWEEN + (width(a) + width(b)) / 2) / length);
}

function ticksApart(scale: Scale, gap: (a: number, b: number) => number): number[] {
  const place = placer(scale);
  const ticks = [scale.low, scale.high];
  const inner = scale.low < 0 && scale.high > 0 ? [0, ...between(scale)] : between(scale);
  for (const tick of inner) {
    if (ticks.every((other) => Math.abs(place(other) - place(tick)) >= gap(other, tick))) ticks.push(tick);
  }
  return ticks.sort((a, b) => place(a) - place(b));
}

function between(scale: Scale): number[] {
  if (scale.name === "linear" || scale.name === "abs") {
    const step = niceStep(scale.high - scale.low, LINEAR_TICKS);
    const first = Math.ceil(scale.low / step);
    const last = Math.floor(scale.high / step);
    return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  }
  const powers: number[] = [];
  const inner: number[] = [];
  const top = Math.floor(Math.log10(scale.high));
  for (let power = top; 10 ** power >= scale.threshold; power--) {
    powers.push(10 ** power);
    if (scale.low < 0) powers.push(-(10 ** power));
  }
  // Within two decades, powers of ten alone would leave an axis nearly empty.
  if (scale.name === "log" && scale.high < 100 * scale.low) {
    for (const factor of [2, 5]) inner.push(...[top - 2, top - 1, top].map((power) => factor * 10 ** power));
  }
  return [...powers, ...inner.filter((tick) => tick > scale.low && tick < scale.high)];
}

/** A number in few characters: whole numbers of up to 5 digits, else 3 significant ones; with a real minus sign. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const plain = size === 0 || (size >= 1e-3 && size < 1e5);
  const text = plain
    ? String(Number.isInteger(value) ? value : Number(value.toPrecision(3)))
    : trim(value.toExponential(2));
  return text.replaceAll("-", "−");
}

function trim(exponential: string): string {
  const [digits, power] = exponential.split("e");
  return `${Number(digits)}e${power.replace("+", "")}`;
}

/** The digits of numbers that the page computed in double precision. */
const COMPUTED_DIGITS = 7;

/** A float32 in the fewest digits that reproduce it exactly. Other numbers get as many digits as a float32 has. */
export function exact(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "−Inf";
  if (value === 0) return "0 (exactly)";
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return tidy(Number(text));
  }
  return tidy(Number(value.toPrecision(COMPUTED_DIGITS)));
}

function tidy(value: number): string {
  const size = Math.abs(value);
  const text = size >= 1e-4 && size < 1e7 ? String(value) : value.toExponential().replace("e+", "e");
  return text.replaceAll("-", "−");
}
