import { edgesOf } from "../colour/scale";
import { fetchHistogram } from "./api";
import { Resource } from "./resource";
import type { Histogram, HistogramRequest } from "./types";

/** A histogram, or the state of its loading. `last` is the previous one of the same tag. */
export type LoadedHistogram =
  | { status: "loading"; last: Histogram | null }
  | { status: "ready"; last: Histogram }
  | { status: "error"; last: Histogram | null; message: string };

const MOST_KEPT = 256;

/** The histograms of tags: at most one request for a tag runs at a time. */
export class Histograms {
  private readonly histograms: Resource<HistogramRequest, Histogram>;
  /** By tag: what was requested last, and the last answer. */
  private readonly requested = new Map<string, HistogramRequest>();
  private readonly last = new Map<string, Histogram>();

  constructor(changed: () => void) {
    this.histograms = new Resource(changed, { fetch: fetchBins, budget: MOST_KEPT });
  }

  /** What is known of a histogram. Calling this fetches it. */
  get(request: HistogramRequest): LoadedHistogram {
    const place = JSON.stringify([request.run, request.tag, request.step === null]);
    const before = this.requested.get(place);
    if (!before || !this.histograms.isRunning(before)) {
      this.requested.set(place, request);
      this.histograms.get(request);
    }
    const loaded = this.histograms.peek(request);
    if (loaded.status === "ready") {
      this.last.set(place, loaded.answer);
      return { status: "ready", last: loaded.answer };
    }
    return { ...loaded, last: this.last.get(place) ?? null };
  }

  /** Forget failures, so that the next call of `get` fetches again. */
  retry(): void {
    this.histograms.retry();
  }
}

function fetchBins(request: HistogramRequest, signal: AbortSignal): Promise<Histogram> {
  const edges = (request.gates ?? [request.axis]).map((axis) => edgesOf(axis, request.bins));
  return fetchHistogram(request, edges, signal);
}
