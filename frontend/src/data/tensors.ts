/**
 * Views of records: fetched, cached, prefetched, and cancelled when nobody waits. Beyond a byte budget only
 * shown views stay.
 */

import { fetchTensor, tensorQuery } from "./api";
import { Telling } from "./telling";
import type { Tensor, TensorRequest } from "./types";

export type Loaded =
  | { status: "loading" }
  | { status: "ready"; tensor: Tensor }
  | { status: "error"; message: string };

const BUDGET_BYTES = 256 * 2 ** 20;
/** A browser opens six connections. One stays free for listings and flow. */
const PARALLEL = 5;

export function requestKey(request: TensorRequest): string {
  return JSON.stringify(tensorQuery(request));
}

type Ready = Extract<Loaded, { status: "ready" }>;

const LOADING: Loaded = { status: "loading" };

/**
 * Loads views. What is known of a view stays the same object while nothing changes, so elements can detect
 * changes by identity.
 */
export class Loader {
  private readonly ready = new Map<string, Ready>();
  private readonly failed = new Map<string, Loaded>();
  private readonly running = new Map<string, AbortController>();
  private shown: ReadonlySet<string> = new Set();
  private now: TensorRequest[] = [];
  private soon: TensorRequest[] = [];
  private readonly telling: Telling;
  private bytes = 0;

  /** `changed` is called when a wanted view arrived or failed; once for several if there are many. */
  constructor(changed: () => void) {
    this.telling = new Telling(changed);
  }

  /** What is known of a view. This does not fetch it. */
  peek(request: TensorRequest): Loaded {
    const key = requestKey(request);
    const ready = this.ready.get(key);
    if (ready) {
      this.ready.delete(key);
      this.ready.set(key, ready); // moves the view to the end: the least recently used is dropped first
      return ready;
    }
    return this.failed.get(key) ?? LOADING;
  }

  /** Fetch `now`, and then `soon` once all of `now` has arrived. All other requests in progress are cancelled. */
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
      if (this.shown.has(oldest)) continue; // it would be fetched again at once
      this.ready.delete(oldest);
      this.bytes -= size(dropped.tensor);
    }
  }
}

function size(tensor: Tensor): number {
  return tensor.values.values.byteLength + tensor.codes.values.byteLength;
}
