import { placer, type Scale } from "../colour/scale";
import { colourIndex, type MapName, mapColours } from "../colour/table";
import { barTicks, short } from "../colour/ticks";
import { node, words } from "./svg";

/** The height of a colour bar, its height with numbers, and its margin at the sides. */
const BAR = 10;
export const BAR_ROOM = 36;
const BAR_MARGIN = 46;

/** The colours of a heatmap's cells. */
export interface Colours {
  scale: Scale;
  map: MapName;
}

/** The colours of a scale with their values, in a picture of this width. */
export function colourBar({ scale, map }: Colours, width: number): Element {
  const long = Math.max(60, width - 2 * BAR_MARGIN);
  const bar = node("svg", { width, height: BAR_ROOM, class: "bar" });
  const colours = mapColours(map);
  for (let i = 0; i < 256; i++) {
    const index = 3 * colourIndex(i / 256);
    const fill = `rgb(${colours.subarray(index, index + 3).join()})`;
    // Slightly wider than its share, so that no seam shows between two.
    bar.append(
      node("rect", { x: BAR_MARGIN + (i / 256) * long, width: long / 256 + 0.5, height: BAR, y: 4, fill }),
    );
  }
  const place = placer(scale);
  for (const tick of barTicks(scale, long)) {
    const x = BAR_MARGIN + place(tick) * long;
    bar.append(words(short(tick), { x, y: BAR + 18, "text-anchor": "middle", "font-size": 11 }));
  }
  return bar;
}
