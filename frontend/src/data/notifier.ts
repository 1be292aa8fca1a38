/** The time between redraws while many answers arrive. */
const NOTIFY_MILLISECONDS = 100;

/** Reports that answers arrived: at once if no other is awaited, else several together. */
export class Notifier {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly changed: () => void) {}

  notify(awaited: boolean): void {
    if (awaited) this.timer ??= setTimeout(() => this.now(), NOTIFY_MILLISECONDS);
    else this.now();
  }

  private now(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.changed();
  }
}
