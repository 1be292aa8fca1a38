/** Exports of flow maps. */

import type { Scale } from "../../colour/scale";
import { short } from "../../colour/ticks";
import type { Tensor } from "../../data/types";
import { type Exports, ofPicture, ofPython, ofTable, type Pictured } from "../../export/menu";
import { joined } from "../../export/numbers";
import { flowPython } from "../../export/python";
import { columnsIn, flowTable } from "../../maths/flow/map";
import { columnsOf, type FlowStatistic, RELATIVE } from "../../maths/flow/statistics";
import type { Drawn } from "../../pictures/flow_cards";
import type { State } from "../../state/state";

type Layout = Pick<State, "flowAxis" | "flowRelative" | "flowWindow">;

/** Offers a series' map of a statistic. */
export function ofFlow(
  { history: { flow }, series, picture }: Drawn,
  of: FlowStatistic,
  { flowAxis: axis, flowRelative, flowWindow }: Layout,
  scale: Scale,
  map: () => Pictured | null,
): Exports {
  const { run, tag } = series;
  const relative = flowRelative && of.sized;
  const name = joined(run, tag, "flow", of.name, ...(relative ? ["relative"] : []), axis);
  const python = { columns: columnsOf(axis, of), formula: of.python, axis, relative };
  const what = of.sized ? `${of.what}, ${relative ? RELATIVE : "absolute"}` : of.what;
  return {
    ...ofPicture(name, `${run}, ${tag}: ${what}; ${spanOf(scale)}`, map),
    ...ofTable(name, () => flowTable(flow, axis, picture, columnsIn(flow, picture.channels, flowWindow))),
    ...ofPython(async (logdir) => flowPython(series, python, flowWindow, logdir)),
  };
}

/** Offers the map of two series' ratio. */
export function ofRatio(
  [a, b]: readonly [Drawn, Drawn],
  picture: Tensor,
  of: FlowStatistic,
  { flowAxis: axis, flowWindow }: Layout,
  scale: Scale,
  map: () => Pictured | null,
): Exports {
  const sides = [a, b].map(({ series: { run, tag } }) => [run, tag]);
  const name = joined(...sides.flat(), "log10-ratio", of.name, axis);
  const who = `A: ${sides[0].join(", ")}, B: ${sides[1].join(", ")}`;
  const { flow } = a.history;
  return {
    ...ofPicture(name, `log₁₀ A / B, ${who}: ${of.what}; ${spanOf(scale)}`, map),
    ...ofTable(name, () => flowTable(flow, axis, picture, columnsIn(flow, picture.channels, flowWindow))),
  };
}

function spanOf({ name, low, high }: Scale): string {
  return `${name} from ${short(low)} to ${short(high)}`;
}
