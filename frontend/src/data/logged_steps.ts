import { fetchLoggedSteps, type LoggedSteps, RequestError } from "./api";
import type { Series } from "./series";

export interface LoggedCount {
  count: number;
  /** False if more steps were logged than could be counted. */
  complete: boolean;
}

export class Logged {
  private readonly known = new Map<string, LoggedSteps | null>();

  /** `changed` is called whenever an answer arrived. */
  constructor(private readonly changed: () => void) {}

  /** The steps that any of the series logged; null while an answer is on its way, or if there is none. */
  of(series: readonly Series[]): LoggedCount | null {
    const each = series.map((one) => this.stepsOf(one));
    if (each.some((steps) => steps === null)) return null;
    const found = each as LoggedSteps[];
    const union = new Set(found.flatMap(({ steps }) => steps));
    return { count: union.size, complete: found.every(({ complete }) => complete) };
  }

  private stepsOf({ run, tag, entry }: Series): LoggedSteps | null {
    if (!entry.full) return { steps: entry.steps.map(([step]) => step), complete: true };
    const key = JSON.stringify([run, tag, entry.steps.at(-1)]);
    const found = this.known.get(key);
    if (found === undefined) {
      this.known.set(key, null);
      void this.fetch(key, run, tag);
    }
    return found ?? null;
  }

  private async fetch(key: string, run: string, tag: string): Promise<void> {
    try {
      this.known.set(key, await fetchLoggedSteps(run, tag));
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return; // the slider then reports only the kept steps
    }
    this.changed();
  }
}
