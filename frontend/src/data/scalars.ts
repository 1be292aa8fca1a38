import { fetchScalarListing, fetchScalars, type ScalarListing, type ScalarsByRun } from "./api";
import { Resource } from "./resource";

const NONE: ScalarListing = { tags: {}, hyperparameters: {} };

/**
 * TensorBoard's own scalars: listed once per reload; each tag is fetched when it is first drawn.
 *
 * The page has enough to show without them, so failures are not reported.
 */
export class Scalars {
  private readonly listing: Resource<"listing", ScalarListing>;
  private readonly byTag: Resource<string, ScalarsByRun>;

  constructor(private readonly changed: () => void) {
    this.listing = new Resource(changed, { fetch: (_, signal) => fetchScalarListing(signal) });
    this.byTag = new Resource(changed, { fetch: fetchScalars });
  }

  /** The scalars there are; empty while the listing is loading or if it failed. Calling this lists them. */
  list(): ScalarListing {
    const loaded = this.listing.get("listing");
    return loaded.status === "ready" ? loaded.answer : NONE;
  }

  /** The points of a tag in every run that has it; null while there are none. Calling this fetches them. */
  get(tag: string): ScalarsByRun | null {
    const loaded = this.byTag.get(tag);
    return loaded.status === "ready" ? loaded.answer : null;
  }

  /** Ask again, because TensorBoard loaded new data. The known answers stay in use meanwhile. */
  reload(): void {
    this.listing.expire();
    this.byTag.expire();
    this.changed();
  }
}
