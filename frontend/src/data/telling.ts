/** The time between redraws while many answers arrive. */
const TELLING_MILLISECONDS = 100;

/** Reports that answers arrived: at once if no other is awaited, else several together. */
export class Telling {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly changed: () => void) {}

  tell(awaited: boolean): void {
    if (awaited) this.timer ??= setTimeout(() => this.now(), TELLING_MILLISECONDS);
    else this.now();
  }

  private now(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.changed();
  }
}
