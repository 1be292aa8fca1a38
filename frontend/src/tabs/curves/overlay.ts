/** What stands over the curves of a plot: its axes, the cursor, and the sample pointed at. */

import { nothing, svg } from "lit";
import { sampleColour } from "../../colour/samples";
import { integerTicks, scaleTicks, short } from "../../colour/ticks";
import type { Cursor } from "../../components/base/events";
import { type Curve, isDrawn, type Range, valueAtTime } from "../../maths/curves";
import { acrossOf, downOf, type Frame, type Looks, pathData } from "./painter";

export interface Overlay {
  frame: Frame;
  looks: Looks;
  cursor: Cursor | null;
  /** The curves of the sample pointed at. */
  pointed: readonly Curve[];
  /** Whether bands are drawn below, in which samples have no colours of their own. */
  banded: boolean;
  /** The timesteps that are being dragged over. */
  marked: Range | null;
  /** Whether to draw the numbers of both axes. */
  axes: boolean;
  dark: boolean;
}

export function renderOverlay(overlay: Overlay) {
  const { frame, cursor, marked, pointed } = overlay;
  const inside = cursor !== null && cursor.t >= frame.span[0] && cursor.t < frame.span[1];
  const time = inside ? cursor.t : null;
  const x = time === null ? 0 : acrossOf(time, frame);
  return svg`
    ${overlay.axes ? renderAxes(frame) : nothing}
    ${marked ? renderMarked(marked, frame) : nothing}
    ${inside ? svg`<line class="cursor" x1=${x} x2=${x} y1="0" y2=${frame.height}></line>` : nothing}
    ${pointed.map((curve) => renderPointed(curve, time, overlay))}`;
}

function renderPointed({ sample, channel, trace }: Curve, time: number | null, overlay: Overlay) {
  const { frame, looks } = overlay;
  const path = pathData(trace, frame);
  const colour = overlay.banded ? "var(--rg-crosshair)" : sampleColour(sample, overlay.dark);
  const value = time === null ? Number.NaN : valueAtTime(trace, time);
  return svg`<path class="halo" d=${path}></path><path d=${path} stroke=${colour} stroke-dasharray=${looks.dashOf(channel).join(" ") || "none"}></path>
    ${time !== null && isDrawn(value, frame.scale) ? svg`<circle cx=${acrossOf(time, frame)} cy=${downOf(value, frame)} r="4" fill=${colour}></circle>` : nothing}`;
}

function renderAxes(frame: Frame) {
  const { height, span, width } = frame;
  const ticks = integerTicks(span[0], span[1], Math.max(2, width / 60));
  return svg`
    ${scaleTicks(frame.scale, 0.08).map((tick) => svg`<text x="-6" y=${downOf(tick, frame) + 4} text-anchor="end">${short(tick)}</text>`)}
    ${ticks.map((tick) => svg`<text x=${acrossOf(tick, frame)} y=${height + 14} text-anchor="middle">${tick}</text>`)}`;
}

function renderMarked(marked: Range, frame: Frame) {
  const [from, to] = marked.map((time) => acrossOf(time, frame)).sort((a, b) => a - b);
  return svg`<rect class="marked" x=${from} width=${Math.max(1, to - from)} height=${frame.height}></rect>`;
}
