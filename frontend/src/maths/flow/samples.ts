/** What the page says about a batch's samples: which exceed a threshold, and what a flag rests on. */

import { short } from "../../colour/ticks";
import type { Flag } from "./flags";
import type { FlowHistory, Limits } from "./history";

/** The limits that samples are counted by while they are logged: the defaults of tb_rnngrad.flow.Thresholds. */
const COUNTED_BY: Partial<Limits> = { eps: 0.01, vanishing: 0.1, exploding: 1e3 };

/** The limits by which each flag's samples are counted. */
const COUNTED: Partial<Record<Flag, (keyof Limits)[]>> = {
  exploding: ["exploding"],
  vanishing: ["eps", "vanishing"],
};

/** How many of the samples that could be judged exceed a flag's threshold; null if they were counted by another one. */
export function samplesBeyond(
  flag: Flag,
  history: FlowHistory,
  index: number,
  limits: Limits,
): { count: number; of: number } | null {
  const names = COUNTED[flag];
  if (!names?.every((name) => limits[name] === COUNTED_BY[name]) || !history.judged.includes(flag))
    return null;
  const count = (flag === "exploding" ? history.exploding : history.vanishing)[index];
  return Number.isNaN(count) ? null : { count, of: history.samples[index] };
}

/** "12 of 64 samples explode, worst: sample 41, ×5.2e4 by lag 17"; null if no sample does, or if that is unknown. */
export function beyondWords(flag: Flag, history: FlowHistory, index: number, limits: Limits): string | null {
  const beyond = samplesBeyond(flag, history, index, limits);
  if (!beyond?.count) return null;
  const { count, of } = beyond;
  const verb = { exploding: ["explodes", "explode"], vanishing: ["vanishes", "vanish"] }[flag as string];
  const said = `${count} of ${of} samples ${verb?.[count === 1 ? 0 : 1]}`;
  if (flag !== "exploding") return said;
  const { sample, growth, lag } = history.worst;
  return `${said}, worst: sample ${sample[index]}, ×${short(growth[index])} by lag ${lag[index]}`;
}

/** What a flag that is up rests on, at a step. */
export function flagReason(flag: Flag, history: FlowHistory, index: number, limits: Limits): string {
  const { evidence, growth, horizon, lags, stops } = history;
  const what = {
    non_finite: () => `${percent(evidence.nonfinite[index])} of a timestep's values are NaN or Inf`,
    exploding: () => `the median sample's norm grows ×${short(growth[index])} on its way back`,
    cut: () =>
      `the gradient stops at exactly ${stops.lag[index]} of ${stops.length[index]} timesteps in all ${stops.samples[index]} samples that are longer`,
    vanishing: () => `the median sample's horizon is ${horizon.p50[index]} of ${lags[index]} timesteps`,
    dead_channels: () => `${percent(evidence.dead[index])} of the channels are 0 throughout`,
  }[flag]();
  return [what, beyondWords(flag, history, index, limits)].filter(Boolean).join("; ");
}

/** A share in percent, with three digits. */
export function percent(share: number): string {
  return `${short(100 * share)}\u00a0%`;
}
