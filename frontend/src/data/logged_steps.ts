import { fetchLoggedSteps, type LoggedSteps } from "./api";
import { Resource } from "./resource";
import type { Series } from "./series";
import type { KeptStep } from "./types";

export interface LoggedCount {
  count: number;
  /** False if more steps were logged than could be counted. */
  complete: boolean;
}

interface StepsRequest {
  run: string;
  tag: string;
  last: KeptStep | undefined;
}

/** Which steps series logged, whether they were kept or not. */
export class Logged {
  private readonly steps: Resource<StepsRequest, LoggedSteps>;

  constructor(changed: () => void) {
    this.steps = new Resource(changed, {
      fetch: ({ run, tag }, signal) => fetchLoggedSteps(run, tag, signal),
    });
  }

  /** The number of steps that any of the series logged; null while an answer is on its way, or if there is none. */
  of(series: readonly Series[]): LoggedCount | null {
    const each = series.map((of) => this.stepsOf(of));
    const found = each.filter((steps) => steps !== null);
    if (found.length < each.length) return null;
    const union = new Set(found.flatMap(({ steps }) => steps));
    return { count: union.size, complete: found.every(({ complete }) => complete) };
  }

  private stepsOf({ run, tag, entry }: Series): LoggedSteps | null {
    if (!entry.full) return { steps: entry.steps.map(([step]) => step), complete: true };
    const loaded = this.steps.get({ run, tag, last: entry.steps.at(-1) });
    return loaded.status === "ready" ? loaded.answer : null;
  }
}
