import { short } from "../../colour/ticks";
import { isBroken, isSaturated, type OverviewLine } from "./overview_line";
import { percent } from "./samples";

/** Remaining shares within this distance do not tell which run is better. */
const AS_MUCH = 0.05;

/** The answer in one sentence, from the lines that `furthest` gives. */
export function headline(runs: readonly OverviewLine[]): string {
  const known = runs.filter(({ horizon }) => !Number.isNaN(horizon.mid));
  const healthy = known.filter((line) => !isBroken(line));
  if (known.length === 0) {
    return runs.some(({ earlier }) => earlier)
      ? "Cannot say how far back the gradient reaches: an earlier version logged it, and samples differ in length"
      : "Cannot say how far back the gradient reaches: no sample can be judged";
  }
  if (healthy.length === 0) return "No gradient is sound: it explodes, or is not finite";
  const [best] = healthy;
  const { name, horizon, lags } = best;
  if (horizon.mid === 0)
    return `No ${healthy.length < known.length ? "sound " : ""}gradient reaches back in time`;
  if (isSaturated(best) && !Number.isNaN(best.farEnd.mid)) return saturatedHeadline(runs, healthy);
  const equal = healthy.filter((line) => line.horizon.mid === horizon.mid);
  const far = `${short(horizon.mid)} of ${short(lags)} timesteps`;
  if (equal.length > 1) {
    const first = equal.reduce((a, b) => (b.since < a.since ? b : a));
    const earliest = equal.every(({ since }) => since === first.since) ? "" : `, ${first.name} the earliest`;
    return `${listed(equal.map((line) => line.name))} reach back equally far${earliest}: ${far}`;
  }
  if (runs.length === 1) return `The gradient of ${name} reaches back ${far}`;
  return `${name} reaches furthest back: ${far}`;
}

/** The headline where the horizon is the whole sequence: what is left at the far end ranks instead. */
function saturatedHeadline(runs: readonly OverviewLine[], healthy: readonly OverviewLine[]): string {
  const saturated = healthy.filter(isSaturated);
  const [{ name, farEnd, lags }] = saturated;
  const left = `${percent(farEnd.mid)} of the largest norm is left`;
  if (runs.length === 1)
    return `The gradient of ${name} reaches back all ${short(lags)} timesteps: ${left} there`;
  const alike = saturated.filter((line) => line.farEnd.mid >= (1 - AS_MUCH) * farEnd.mid);
  const who = alike.length > 1 ? `${listed(alike.map((line) => line.name))} keep most` : `${name} keeps most`;
  const where = alike.every((line) => line.lags === lags)
    ? `${short(lags)} timesteps back`
    : "at the far end";
  return `${who} of the gradient: about ${left} ${where}`;
}

function listed(names: readonly string[]): string {
  if (names.length > 3) return `${names.length} runs`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
