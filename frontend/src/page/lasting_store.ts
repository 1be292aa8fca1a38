import { hostLink, readHostHash, watchHistory, writeHostHash } from "../host/tensorboard";
import { keepSettings, keptSettings } from "../state/settings";
import { Store } from "../state/store";
import { readHash, writeHash } from "../state/url";

/** Browsers refuse more than a few changes of the URL a second, so a dragged slider writes it only at rest. */
const MIRROR_MILLISECONDS = 100;

/** A store that outlives the page: the URL mirrors it, and the browser keeps its settings for the next visit. */
export class LastingStore extends Store {
  private mirroring: ReturnType<typeof setTimeout> | undefined;
  /** The state that the URL holds. */
  private mirrored = this.state;

  constructor() {
    super(readHash(readHostHash(), keptSettings(readHostHash())));
    this.subscribe(() => {
      clearTimeout(this.mirroring);
      this.mirroring = setTimeout(() => this.mirror(), MIRROR_MILLISECONDS);
    });
    watchHistory((hash) => this.goBack(hash));
    // A choice made just before the page is left would otherwise be lost with its timer.
    addEventListener("pagehide", () => keepSettings(this.state));
  }

  /** The address that shows the same. */
  get link(): string {
    return hostLink(writeHash(readHostHash(), this.state));
  }

  /** Write the state where it outlives the page. Each change of tab adds an entry to the browser's history. */
  private mirror(): void {
    const { state, mirrored } = this;
    this.mirrored = state;
    const moved = state.view !== mirrored.view || state.alone !== mirrored.alone;
    if (moved) writeHostHash(writeHash(readHostHash(), mirrored));
    writeHostHash(writeHash(readHostHash(), state), moved);
    keepSettings(state);
  }

  /** Show what the page showed before, after the browser went back or forward. */
  private goBack(hash: string): void {
    this.set(readHash(hash));
    this.mirrored = this.state;
  }
}
