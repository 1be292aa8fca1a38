/** Controls for the bins that count values and for how histograms are drawn. */

import { choose, type Option, rare } from "../../components/controls/fields";
import { BIN_COUNTS, type BinAxes, PEAKS } from "../../state/options";
import type { State } from "../../state/state";

const AXES: Option<BinAxes>[] = [
  ["shared", "shared"],
  ["run", "free: each run's own"],
  ["gate", "free: each gate's own"],
];

/** The rare controls of histograms. */
export function renderHistogramFields(state: Readonly<State>) {
  return [
    rare(state, "bins", choose(state, "bins", "Bins", BIN_COUNTS.map(named))),
    rare(state, "peaks", choose(state, "peaks", "Peaks", PEAKS.map(cut))),
    rare(state, "binAxes", choose(state, "binAxes", "Axes", AXES)),
  ];
}

function named<Count extends number>(count: Count): Option<Count> {
  return [count, String(count)];
}

function cut<Share extends number>(share: Share): Option<Share> {
  return [share, share === 1 ? "whole" : `cut at ${100 * share} % of the highest`];
}
