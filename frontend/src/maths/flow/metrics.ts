/**
 * What norms by lag say about the network's memory. The definitions match tb_rnngrad.flow number for number.
 *
 * Lag 0 is the last real timestep. NaN means "there is no such lag" in arguments, and "undefined" in results.
 */

export type Norms = ArrayLike<number>;

/**
 * How far back the gradient reaches: the largest lag at which the norm is at least `eps` times the largest.
 *
 * NaN if no norm is above 0, or one is infinite.
 */
export function memoryHorizon(norms: Norms, eps: number): number {
  let largest = 0;
  for (let lag = 0; lag < norms.length; lag++) if (norms[lag] > largest) largest = norms[lag];
  if (largest === 0 || largest === Number.POSITIVE_INFINITY) return Number.NaN;
  let lag = norms.length - 1;
  while (!(norms[lag] >= eps * largest)) lag--;
  return lag;
}

/** The last lag at which `reach`, which never rises, is at least `eps`; NaN if there is none. */
export function lastReached(reach: Norms, eps: number): number {
  let lag = reach.length - 1;
  while (lag >= 0 && !(reach[lag] >= Math.fround(eps))) lag--;
  return lag < 0 ? Number.NaN : lag;
}

export interface ExponentialFit {
  /** Timesteps back over which the norm halves; negative if it doubles, infinite if it stays. */
  halfLife: number;
  /** R², the share of the variance of log norm that the line explains. */
  r2: number;
}

/** The least-squares line of log norm against lag, over positive finite norms; NaN if there are fewer than two. */
export function exponentialFit(norms: Norms): ExponentialFit {
  const lags: number[] = [];
  for (let lag = 0; lag < norms.length; lag++)
    if (norms[lag] > 0 && Number.isFinite(norms[lag])) lags.push(lag);
  if (lags.length < 2) return { halfLife: Number.NaN, r2: Number.NaN };
  const first = Math.log(norms[lags[0]]);
  const logs = lags.map((lag) => Math.log(norms[lag]) - first); // exactly 0 if nothing changes
  const [meanLag, meanLog] = [mean(lags), mean(logs)];
  let [across, along, spread, error] = [0, 0, 0, 0];
  for (let i = 0; i < lags.length; i++) {
    across += (lags[i] - meanLag) * logs[i];
    along += (lags[i] - meanLag) ** 2;
  }
  const slope = across / along;
  const start = meanLog - slope * meanLag;
  for (let i = 0; i < lags.length; i++) {
    spread += (logs[i] - meanLog) ** 2;
    error += (logs[i] - start - slope * lags[i]) ** 2;
  }
  return {
    halfLife: slope === 0 ? Number.POSITIVE_INFINITY : -Math.LN2 / slope,
    r2: spread === 0 ? 1 : 1 - error / spread,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The largest of ||g_t|| / ||g_t+1|| over lags; NaN if it is undefined everywhere. */
export function largestGain(norms: Norms): number {
  let largest = Number.NaN;
  for (let lag = 1; lag < norms.length; lag++) {
    const gain = norms[lag - 1] > 0 ? norms[lag] / norms[lag - 1] : Number.NaN;
    if (!(gain <= largest) && !Number.isNaN(gain)) largest = gain;
  }
  return largest;
}
