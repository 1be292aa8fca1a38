import { edgesOf } from "../colour/scale";
import { fetchHistogram } from "./api";
import type { Histogram, HistogramRequest } from "./types";

/** A histogram, or the state of its loading. `last` is the previous one of the same tag. */
export type LoadedHistogram =
  | { status: "loading"; last: Histogram | null }
  | { status: "ready"; last: Histogram }
  | { status: "error"; last: Histogram | null; message: string };

const MOST_KEPT = 256;

export class Histograms {
  private readonly ready = new Map<string, Histogram>();
  private readonly failed = new Map<string, string>();
  private readonly running = new Set<string>();
  private readonly last = new Map<string, Histogram>();

  /** `changed` is called whenever an answer arrived or failed. */
  constructor(private readonly changed: () => void) {}

  /** What is known of a histogram. Calling this fetches it. */
  get(request: HistogramRequest): LoadedHistogram {
    const key = JSON.stringify(request);
    const place = JSON.stringify([request.run, request.tag, request.step === null]);
    const found = this.ready.get(key);
    if (found) {
      this.last.set(place, found);
      return { status: "ready", last: found };
    }
    const last = this.last.get(place) ?? null;
    const message = this.failed.get(key);
    if (message !== undefined) return { status: "error", last, message };
    if (!this.running.has(place)) void this.fetch(request, key, place);
    return { status: "loading", last };
  }

  /** Forget failures, so that the next call of `get` fetches again. */
  retry(): void {
    this.failed.clear();
  }

  private async fetch(request: HistogramRequest, key: string, place: string): Promise<void> {
    this.running.add(place);
    try {
      this.ready.set(
        key,
        await fetchHistogram(
          request,
          (request.gates ?? [request.axis]).map((axis) => edgesOf(axis, request.bins)),
        ),
      );
      if (this.ready.size > MOST_KEPT) this.ready.delete(this.ready.keys().next().value as string);
    } catch (error) {
      this.failed.set(key, error instanceof Error ? error.message : String(error));
    }
    this.running.delete(place);
    this.changed();
  }
}
