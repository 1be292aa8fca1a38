/** The history of a series over training: what its flow says at each step. It is kept, because redraws are frequent. */

import type { Flow } from "../../data/types";
import { type Evidence, evidenceOf, type Flag, flagsOf, judgedFlags, type Thresholds } from "./flags";
import { horizons, isEarlier, type Spread, type StepMetrics, stepMetrics } from "./flow";

export interface FlowHistory extends StepMetrics {
  flow: Flow;
  /** The memory horizon; NaN if no sample can be judged. */
  horizon: Spread;
  /** Whether the log is older than the judging of single samples. */
  earlier: boolean;
  evidence: Evidence;
  /** The flags that apply to its quantity, and those that are up at each step. */
  judged: readonly Flag[];
  flags: Flag[][];
}

/** The thresholds, with the share of the largest norm that counts as reached. */
export type Limits = Thresholds & { eps: number };

const metricsOf = new WeakMap<Flow, StepMetrics>();
const horizonOf = new WeakMap<Flow, { eps: number; horizon: Spread; evidence: Evidence }>();
const histories = new WeakMap<Flow, { key: string; history: FlowHistory }>();

export function historyOf(flow: Flow, quantity: string | undefined, limits: Limits): FlowHistory {
  const { eps, vanishing, exploding, nonfinite, dead } = limits;
  const key = [quantity, eps, vanishing, exploding, nonfinite, dead].join();
  const known = histories.get(flow);
  if (known?.key === key) return known.history;
  const metrics = metricsOf.get(flow) ?? stepMetrics(flow);
  metricsOf.set(flow, metrics);
  const reached = reachedAt(flow, metrics, eps);
  const judged = judgedFlags(quantity ?? "", flow.timesteps);
  const flags = flagsOf(reached.evidence, judged, limits);
  const { horizon, evidence } = reached;
  const history = { ...metrics, flow, horizon, earlier: isEarlier(flow), evidence, judged, flags };
  histories.set(flow, { key, history });
  return history;
}

function reachedAt(flow: Flow, metrics: StepMetrics, eps: number) {
  const known = horizonOf.get(flow);
  if (known?.eps === eps) return known;
  const horizon = horizons(flow, eps);
  const reached = { eps, horizon, evidence: evidenceOf(flow, metrics, horizon.p50) };
  horizonOf.set(flow, reached);
  return reached;
}
