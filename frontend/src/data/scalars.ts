/** TensorBoard's own scalars: listed once a reload, each tag fetched when it is first drawn. */

import { fetchScalarListing, fetchScalars, RequestError, type ScalarListing, type ScalarsByRun } from "./api";

const NONE: ScalarListing = { tags: {}, hyperparameters: {} };

export class Scalars {
  private found: ScalarListing | null = null;
  private readonly byTag = new Map<string, ScalarsByRun | null>();
  private readonly stale = new Set<string>();
  private listing = false;

  /** `changed` is called whenever an answer came. */
  constructor(private readonly changed: () => void) {}

  /** What there is; asking lists it. Nothing while that is under way, or where it failed. */
  list(): ScalarListing {
    if (!this.found && !this.listing) {
      this.listing = true;
      void this.fetchListing();
    }
    return this.found ?? NONE;
  }

  /** The points of a tag in every run that has it; null while they are under way. Asking fetches them. */
  get(tag: string): ScalarsByRun | null {
    const known = this.byTag.get(tag);
    if (known === undefined || this.stale.delete(tag)) {
      if (known === undefined) this.byTag.set(tag, null);
      void this.fetch(tag);
    }
    return known ?? null;
  }

  /** TensorBoard loaded new data: ask anew, and show what was known meanwhile. */
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

/** What was answered; null where nothing was, as the page has enough to show without. */
async function answerOf<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RequestError) return null;
    throw error;
  }
}
