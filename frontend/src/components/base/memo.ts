/** Ways for elements to detect that nothing changed, so that they redraw only what did. */

/** Compares a property by value: for a small plain object that each update creates again. */
export const byValue = {
  attribute: false,
  hasChanged: (value: unknown, old: unknown) => JSON.stringify(value) !== JSON.stringify(old),
} as const;

/** Keeps a value that is costly to make until one of its inputs changes. */
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
