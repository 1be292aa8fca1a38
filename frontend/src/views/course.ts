/** The course of a series over training: what its flow says of every step. Remembered, as redraws are many. */

import type { Flow } from "../data/types";
import { type Evidence, evidence, type Flag, flagsOf, type Thresholds } from "./flags";
import { horizons, type StepMetrics, stepMetrics } from "./flow";

export interface Course extends StepMetrics {
  flow: Flow;
  /** NaN where no norm is positive, or one is infinite. */
  horizon: Float64Array;
  evidence: Evidence;
  flags: Flag[][];
}

/** Thresholds with the share of the largest norm that counts as reached. */
export type Limits = Thresholds & { eps: number };

const metricsOf = new WeakMap<Flow, StepMetrics>();
const horizonOf = new WeakMap<Flow, { eps: number; horizon: Float64Array; evidence: Evidence }>();
const courses = new WeakMap<Flow, { key: string; course: Course }>();

export function courseOf(flow: Flow, quantity: string | undefined, limits: Limits): Course {
  const { eps, vanishing, exploding, nonfinite, dead } = limits;
  const key = [quantity, eps, vanishing, exploding, nonfinite, dead].join();
  const known = courses.get(flow);
  if (known?.key === key) return known.course;
  const metrics = metricsOf.get(flow) ?? stepMetrics(flow);
  metricsOf.set(flow, metrics);
  const reached = reachedAt(flow, metrics, eps);
  const flags = flagsOf(reached.evidence, quantity ?? "", flow.timesteps, limits);
  const course = { ...metrics, flow, horizon: reached.horizon, evidence: reached.evidence, flags };
  courses.set(flow, { key, course });
  return course;
}

function reachedAt(flow: Flow, metrics: StepMetrics, eps: number) {
  const known = horizonOf.get(flow);
  if (known?.eps === eps) return known;
  const horizon = horizons(flow, eps);
  const reached = { eps, horizon, evidence: evidence(flow, metrics, horizon) };
  horizonOf.set(flow, reached);
  return reached;
}
