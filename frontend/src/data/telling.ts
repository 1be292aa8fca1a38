/** While many answers come in, redraws are asked for so often. */
const TELLING_MILLISECONDS = 100;

/** Tells that something came: at once where nothing else is awaited, else of several at once. */
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
