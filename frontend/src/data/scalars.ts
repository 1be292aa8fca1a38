/** TensorBoard's own scalars: listed once per reload; each tag is fetched when it is first drawn. */

import { fetchScalarListing, fetchScalars, RequestError, type ScalarListing, type ScalarsByRun } from "./api";

const NONE: ScalarListing = { tags: {}, hyperparameters: {} };

export class Scalars {
  private found: ScalarListing | null = null;
  private readonly byTag = new Map<string, ScalarsByRun | null>();
  private readonly stale = new Set<string>();
  private listing = false;

  /** `changed` is called whenever an answer arrived. */
  constructor(private readonly changed: () => void) {}

  /** The scalars there are; empty while the listing is loading or if it failed. Calling this lists them. */
  list(): ScalarListing {
    if (!this.found && !this.listing) {
      this.listing = true;
      void this.fetchListing();
    }
    return this.found ?? NONE;
  }

  /** The points of a tag in every run that has it; null while they are loading. Calling this fetches them. */
  get(tag: string): ScalarsByRun | null {
    const known = this.byTag.get(tag);
    if (known === undefined || this.stale.delete(tag)) {
      if (known === undefined) this.byTag.set(tag, null);
      void this.fetch(tag);
    }
    return known ?? null;
  }

  /** Ask again, because TensorBoard loaded new data. The known answers stay in use meanwhile. */
  reload(): void {
    if (this.listing) void this.fetchListing();
    for (const tag of this.byTag.keys()) this.stale.add(tag);
  }

  private async fetchListing(): Promise<void> {
    this.found = (await answerOf(fetchScalarListing())) ?? this.found ?? NONE;
    this.changed();
  }

  private async fetch(tag: string): Promise<void> {
    this.byTag.set(tag, (await answerOf(fetchScalars(tag))) ?? this.byTag.get(tag) ?? {});
    this.changed();
  }
}

/** The answer; null if it failed, because the page has enough to show without it. */
async function answerOf<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RequestError) return null;
    throw error;
  }
}
