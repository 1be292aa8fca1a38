/** What surrounds a heatmap's cells: numbers, names, channel groups and pins. */

import { nothing, type SVGTemplateResult, svg } from "lit";
import { type Groups, rangesOf } from "../../data/channel_groups";
import type { Axis, AxisNames, Layout, Orientation } from "../../maths/heatmap/axes";

/** Pixels that a number needs on an axis. */
const TICK_GAP = { across: { t: 60, c: 40 }, down: 24 };
/** Labels beside the name of the lower axis reach this many pixels below the cells. */
const BESIDE_NAME = 40;
/** The least width of a channel group's name in pixels, and its distance from its neighbour. */
const LEAST_NAME = 12;
const NAME_GAP = 6;
/** Room for names: above the cells, and beside them, vertical or horizontal. */
const NAMES_ABOVE = 13;
const NAMES_BESIDE = 18;
const MOST_NAME = 96;
/** Names of at most this many characters are written horizontally; and the width of a character. */
const SHORT_NAME = 3;
const CHARACTER = 6.2;

/** Both axes: ticks and the name of each, below and at the left. */
export function renderAxes({ across, down }: Layout, names: AxisNames) {
  const nameOf = ({ dimension }: Axis) => (dimension === "t" ? names.timesteps : names.channels);
  const bottom = down.length;
  const label = (cell: number, { dimension }: Axis) =>
    dimension === "t" ? (names.numbers?.[cell] ?? cell) : cell;
  const widest = CHARACTER * String(label(across.cellOf(across.to - 1), across)).length + NAME_GAP;
  const acrossGap = Math.max(TICK_GAP.across[across.dimension], widest);
  return svg`
    <g class="ticks">${across.ticks(acrossGap).map(
      ({ cell, at }) => svg`
        <line class="tick" x1=${at} x2=${at} y1=${bottom} y2=${bottom + 4}></line>
        <text x=${at} y=${bottom + 15} text-anchor="middle">${label(cell, across)}</text>`,
    )}</g>
    <text x=${across.length / 2} y=${bottom + 30} text-anchor="middle">${clip(nameOf(across), across.length - BESIDE_NAME)}</text>
    <g class="ticks">${down.ticks(TICK_GAP.down).map(
      ({ cell, at }) => svg`
        <line class="tick" x1="-4" x2="0" y1=${at} y2=${at}></line>
        <text x="-7" y=${at} text-anchor="end" dominant-baseline="central">${label(cell, down)}</text>`,
    )}</g>
    <text transform="translate(-36,${bottom / 2}) rotate(-90)" text-anchor="middle">${nameOf(down)}</text>`;
}

/** The pixels that the groups' names take beyond the norms. */
export function roomForNames(
  groups: Groups | null,
  orientation: Orientation,
): { above: number; beside: number } {
  if (!groups) return { above: 0, beside: 0 };
  if (orientation === "timesteps") return { above: NAMES_ABOVE, beside: 0 };
  const longest = Math.max(...groups.map(([name]) => name.length));
  return {
    above: 0,
    beside: isLevel(groups) ? Math.min(MOST_NAME, Math.ceil(CHARACTER * longest) + NAME_GAP) : NAMES_BESIDE,
  };
}

/** Whether names are written horizontally: those of single channels, and short ones such as gates'. */
function isLevel(groups: Groups): boolean {
  const areChannels = groups.length > 1 && groups.every(([, size]) => size === 1);
  return areChannels || groups.every(([name]) => name.length <= SHORT_NAME);
}

/**
 * Lines between channel groups, and their names at the right or above, at least `beyond` pixels from the
 * cells.
 *
 * Orders keep each group's channels together, so the group's edges stay.
 */
export function renderGroups(layout: Layout, groups: Groups, beyond: number): SVGTemplateResult[] {
  const { across, down, c } = layout;
  return rangesOf(groups).flatMap(({ name, from: edge, to: after }) => {
    const [from, to] = [Math.max(c.from, edge), Math.min(c.to, after)];
    if (from >= to) return [];
    const [start, end] = c.span(from, to);
    const line = (kind: string) =>
      c === down
        ? svg`<line class=${kind} x1="0" x2=${across.length} y1=${start} y2=${start}></line>`
        : svg`<line class=${kind} x1=${start} x2=${start} y1="0" y2=${down.length}></line>`;
    return svg`
      ${edge > c.from && edge < c.to ? [line("under"), line("separator")] : nothing}
      ${end - start > LEAST_NAME ? renderName(layout, name, [start, end], beyond, isLevel(groups)) : nothing}`;
  });
}

function renderName(
  { across, down, c }: Layout,
  name: string,
  [start, end]: [number, number],
  beyond: number,
  level: boolean,
) {
  const middle = (start + end) / 2;
  const away = beyond + NAME_GAP;
  if (c !== down)
    return svg`<text x=${middle} y=${-away} text-anchor="middle">${clip(name, end - start)}</text>`;
  const x = across.length + away;
  if (level) return svg`<text x=${x} y=${middle} dominant-baseline="central">${clip(name, MOST_NAME)}</text>`;
  return svg`<text transform="translate(${x + 10},${middle}) rotate(90)" text-anchor="middle">${clip(name, end - start)}</text>`;
}

export function renderPins({ c, down }: Layout, pins: readonly number[]) {
  return pins.map((channel) => {
    const at = c.middle(channel);
    if (at === null) return nothing;
    const [x, y] = c === down ? [-2, at] : [at, -2];
    return svg`<circle class="pin" cx=${x} cy=${y} r="2.5"></circle>`;
  });
}

/** A name cut to the room there is, in pixels. */
function clip(name: string, room: number): string {
  const most = Math.floor(room / 6);
  return name.length <= most ? name : `${name.slice(0, Math.max(1, most - 1))}…`;
}
