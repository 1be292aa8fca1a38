/** Views of records: fetched, kept (beyond a byte budget only what is shown), prefetched, and given up when nobody waits. */

import { fetchTensor, tensorQuery } from "./api";
import { Telling } from "./telling";
import type { Tensor, TensorRequest } from "./types";

export type Loaded =
  | { status: "loading" }
  | { status: "ready"; tensor: Tensor }
  | { status: "error"; message: string };

const BUDGET_BYTES = 256 * 2 ** 20;
/** Of the six connections a browser opens, one stays free for listings and flow. */
const PARALLEL = 5;

export function requestKey(request: TensorRequest): string {
  return JSON.stringify(tensorQuery(request));
}

type Ready = Extract<Loaded, { status: "ready" }>;

const LOADING: Loaded = { status: "loading" };

/** What is known of a view stays one object while nothing changes, by which elements tell that nothing did. */
export class Loader {
  private readonly ready = new Map<string, Ready>();
  private readonly failed = new Map<string, Loaded>();
  private readonly running = new Map<string, AbortController>();
  private shown: ReadonlySet<string> = new Set();
  private now: TensorRequest[] = [];
  private soon: TensorRequest[] = [];
  private readonly telling: Telling;
  private bytes = 0;

  /** `changed` is called when what is wanted now came or failed: of many views, of several at once. */
  constructor(changed: () => void) {
    this.telling = new Telling(changed);
  }

  /** What is known of a view; asking does not fetch. */
  peek(request: TensorRequest): Loaded {
    const key = requestKey(request);
    const ready = this.ready.get(key);
    if (ready) {
      this.ready.delete(key);
      this.ready.set(key, ready); // the latest looked at is the last to be dropped
      return ready;
    }
    return this.failed.get(key) ?? LOADING;
  }

  /** Fetch `now`, and once all of it is there `soon`; whatever else is still under way is given up. */
  want(now: readonly TensorRequest[], soon: readonly TensorRequest[] = []): void {
    this.shown = new Set(now.map(requestKey));
    this.now = now.filter((request) => this.isMissing(request));
    this.soon = soon.filter((request) => this.isMissing(request));
    const keys = new Set([...this.now, ...this.soon].map(requestKey));
    for (const [key, controller] of this.running) {
      if (!keys.has(key)) {
        this.running.delete(key);
        controller.abort();
      }
    }
    this.pump();
  }

  /** Forget failures, so that the next `want` tries again. */
  retry(): void {
    this.failed.clear();
  }

  private isMissing(request: TensorRequest): boolean {
    const key = requestKey(request);
    return !this.ready.has(key) && !this.failed.has(key);
  }

  private pump(): void {
    for (const request of this.now.length > 0 ? this.now : this.soon) {
      if (this.running.size >= PARALLEL) return;
      if (!this.running.has(requestKey(request))) void this.fetch(request);
    }
  }

  private async fetch(request: TensorRequest): Promise<void> {
    const key = requestKey(request);
    const controller = new AbortController();
    this.running.set(key, controller);
    try {
      this.keep(key, await fetchTensor(request, controller.signal));
    } catch (error) {
      if (controller.signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      this.failed.set(key, { status: "error", message });
    }
    if (this.running.get(key) === controller) this.running.delete(key);
    const awaited = this.now.length;
    this.now = this.now.filter((one) => this.isMissing(one));
    this.soon = this.soon.filter((one) => this.isMissing(one));
    if (this.now.length < awaited) this.telling.tell(this.now.length > 0);
    this.pump();
  }

  private keep(key: string, tensor: Tensor): void {
    this.ready.set(key, { status: "ready", tensor });
    this.bytes += size(tensor);
    for (const [oldest, dropped] of this.ready) {
      if (this.bytes <= BUDGET_BYTES || oldest === key) break;
      if (this.shown.has(oldest)) continue; // dropped, it would be fetched again at once
      this.ready.delete(oldest);
      this.bytes -= size(dropped.tensor);
    }
  }
}

function size(tensor: Tensor): number {
  return tensor.values.values.byteLength + tensor.codes.values.byteLength;
}
