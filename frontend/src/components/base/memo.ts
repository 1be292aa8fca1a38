/** How elements tell that nothing changed, so that only what did is drawn again. */

/** A property of a small plain object that is made anew at each update: it changes by what it says. */
export const byValue = {
  attribute: false,
  hasChanged: (value: unknown, old: unknown) => JSON.stringify(value) !== JSON.stringify(old),
} as const;

/** Something that takes a while to make, kept for as long as all that it is made from stays. */
export class Memo<Value> {
  private from: readonly unknown[] | null = null;
  private value!: Value;

  of(from: readonly unknown[], make: () => Value): Value {
    if (from.length !== this.from?.length || from.some((part, i) => part !== this.from?.[i])) {
      this.value = make();
      this.from = from;
    }
    return this.value;
  }
}
