/** Views of records: fetched, kept within a byte budget, prefetched, and given up when nobody waits. */

import { fetchTensor, tensorQuery } from "./api";
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

export class Loader {
  private readonly ready = new Map<string, Tensor>();
  private readonly failed = new Map<string, string>();
  private readonly running = new Map<string, AbortController>();
  private queue: TensorRequest[] = [];
  private bytes = 0;

  /** `changed` is called whenever a wanted view came or failed. */
  constructor(private readonly changed: () => void) {}

  /** What is known of a view; asking does not fetch. */
  peek(request: TensorRequest): Loaded {
    const key = requestKey(request);
    const tensor = this.ready.get(key);
    if (tensor) {
      this.ready.delete(key);
      this.ready.set(key, tensor); // the latest looked at is the last to be dropped
      return { status: "ready", tensor };
    }
    const message = this.failed.get(key);
    return message === undefined ? { status: "loading" } : { status: "error", message };
  }

  /** Fetch `now`, then `soon`; whatever else is still under way is given up. */
  want(now: readonly TensorRequest[], soon: readonly TensorRequest[] = []): void {
    const missing = (request: TensorRequest) => {
      const key = requestKey(request);
      return !this.ready.has(key) && !this.failed.has(key);
    };
    const wanted = [...now, ...soon].filter(missing);
    const keys = new Set(wanted.map(requestKey));
    for (const [key, controller] of this.running) {
      if (!keys.has(key)) {
        this.running.delete(key);
        controller.abort();
      }
    }
    this.queue = wanted.filter((request) => !this.running.has(requestKey(request)));
    this.pump();
  }

  /** Forget failures, so that the next `want` tries again. */
  retry(): void {
    this.failed.clear();
  }

  private pump(): void {
    while (this.running.size < PARALLEL) {
      const request = this.queue.shift();
      if (!request) return;
      void this.fetch(request);
    }
  }

  private async fetch(request: TensorRequest): Promise<void> {
    const key = requestKey(request);
    if (this.running.has(key) || this.ready.has(key)) return;
    const controller = new AbortController();
    this.running.set(key, controller);
    try {
      this.keep(key, await fetchTensor(request, controller.signal));
    } catch (error) {
      if (controller.signal.aborted) return;
      this.failed.set(key, error instanceof Error ? error.message : String(error));
    }
    if (this.running.get(key) === controller) this.running.delete(key);
    this.changed();
    this.pump();
  }

  private keep(key: string, tensor: Tensor): void {
    this.ready.set(key, tensor);
    this.bytes += size(tensor);
    for (const [oldest, dropped] of this.ready) {
      if (this.bytes <= BUDGET_BYTES || oldest === key) break;
      this.ready.delete(oldest);
      this.bytes -= size(dropped);
    }
  }
}

function size(tensor: Tensor): number {
  return tensor.values.values.byteLength + tensor.codes.values.byteLength;
}
