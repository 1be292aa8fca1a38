import { Notifier } from "./notifier";

/** What is known of an answer. */
export type Loaded<Answer> =
  | { status: "loading" }
  | { status: "ready"; answer: Answer }
  | { status: "error"; message: string };

type Ready<Answer> = Extract<Loaded<Answer>, { status: "ready" }>;
type Failed = Extract<Loaded<never>, { status: "error" }>;

const LOADING: Loaded<never> = { status: "loading" };

/** Where answers come from, and how many are fetched and kept. */
export interface Source<Request, Answer> {
  fetch(request: Request, signal: AbortSignal): Promise<Answer>;
  /** Requests of the same key have the same answer. By default all of a request counts. */
  keyOf?(request: Request): string;
  /** How many requests run at once. By default all of them. */
  parallel?: number;
  /** The largest sum of sizes to keep. By default all answers are kept. */
  budget?: number;
  /** The size of an answer; 1 by default. */
  sizeOf?(answer: Answer): number;
}

/**
 * The answers to requests of one kind: each is fetched once and kept, within a budget.
 *
 * What is known of an answer stays the same object while nothing changes, so elements can detect changes by
 * identity.
 */
export class Resource<Request, Answer> {
  /** The least recently used comes first. */
  private readonly ready = new Map<string, Ready<Answer>>();
  private readonly failed = new Map<string, Failed>();
  private readonly running = new Map<string, AbortController>();
  /** Answers to fetch again. */
  private readonly stale = new Set<string>();
  /** Requests without an answer: those that the page shows, and those that it may show next. */
  private now = new Map<string, Request>();
  private soon = new Map<string, Request>();
  private shown: ReadonlySet<string> = new Set();
  private readonly source: Required<Source<Request, Answer>>;
  private readonly notifier: Notifier;
  private size = 0;

  /** `changed` is called when a wanted answer arrived or failed; once for several if there are many. */
  constructor(changed: () => void, source: Source<Request, Answer>) {
    const keepAll = { parallel: Infinity, budget: Infinity, sizeOf: () => 1 };
    this.source = { keyOf: (request) => JSON.stringify(request), ...keepAll, ...source };
    this.notifier = new Notifier(changed);
  }

  /** What is known of an answer. This does not fetch it. */
  peek(request: Request): Loaded<Answer> {
    const key = this.source.keyOf(request);
    const ready = this.ready.get(key);
    if (!ready) return this.failed.get(key) ?? LOADING;
    this.ready.delete(key);
    this.ready.set(key, ready);
    return ready;
  }

  /** What is known of an answer. Calling this fetches it. */
  get(request: Request): Loaded<Answer> {
    const key = this.source.keyOf(request);
    if (this.isMissing(key) && !this.now.has(key)) {
      this.now.set(key, request);
      this.pump();
    }
    return this.peek(request);
  }

  isRunning(request: Request): boolean {
    return this.running.has(this.source.keyOf(request));
  }

  /** Fetch `now`, and then `soon` once all of `now` has arrived. All other requests in progress are cancelled. */
  want(now: readonly Request[], soon: readonly Request[] = []): void {
    this.shown = new Set(now.map((request) => this.source.keyOf(request)));
    this.now = this.missing(now);
    this.soon = this.missing(soon);
    for (const key of this.running.keys()) {
      if (!this.now.has(key) && !this.soon.has(key)) this.cancel(key);
    }
    this.pump();
  }

  /** Forget an answer, and do not wait for it. */
  drop(request: Request): void {
    const key = this.source.keyOf(request);
    this.cancel(key);
    this.forget(key);
    this.failed.delete(key);
    this.now.delete(key);
    this.soon.delete(key);
    this.pump();
  }

  /** Forget failures, so that they are tried again. */
  retry(): void {
    this.failed.clear();
  }

  /** Fetch everything again when it is next asked for. Known answers stay in use meanwhile. */
  expire(): void {
    this.retry();
    for (const key of [...this.ready.keys(), ...this.running.keys()]) this.stale.add(key);
  }

  private missing(requests: readonly Request[]): Map<string, Request> {
    const keyed = requests.map((request): [string, Request] => [this.source.keyOf(request), request]);
    return new Map(keyed.filter(([key]) => this.isMissing(key)));
  }

  private isMissing(key: string): boolean {
    return this.stale.has(key) || !(this.ready.has(key) || this.failed.has(key));
  }

  private pump(): void {
    for (const [key, request] of this.now.size > 0 ? this.now : this.soon) {
      if (this.running.size >= this.source.parallel) return;
      if (!this.running.has(key)) void this.fetch(key, request);
    }
  }

  private async fetch(key: string, request: Request): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.running.set(key, controller);
    this.stale.delete(key);
    try {
      const answer = await this.source.fetch(request, signal);
      if (!signal.aborted) this.keep(key, answer);
    } catch (error) {
      if (!signal.aborted) this.fail(key, error);
    }
    if (signal.aborted) return;
    this.running.delete(key);
    this.soon.delete(key);
    if (this.now.delete(key)) this.notifier.notify(this.now.size > 0);
    this.pump();
  }

  private keep(key: string, answer: Answer): void {
    this.forget(key);
    this.ready.set(key, { status: "ready", answer });
    this.size += this.source.sizeOf(answer);
    for (const oldest of this.ready.keys()) {
      if (this.size <= this.source.budget || oldest === key) break;
      if (!this.shown.has(oldest)) this.forget(oldest); // what is shown would be fetched again at once
    }
  }

  private fail(key: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (!this.ready.has(key)) this.failed.set(key, { status: "error", message });
  }

  private forget(key: string): void {
    const known = this.ready.get(key);
    if (known) this.size -= this.source.sizeOf(known.answer);
    this.ready.delete(key);
  }

  private cancel(key: string): void {
    this.running.get(key)?.abort();
    this.running.delete(key);
  }
}
