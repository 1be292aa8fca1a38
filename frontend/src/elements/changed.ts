/** How elements tell that nothing changed, so that only what did is drawn again. */

/** A property of a small plain object that is made anew at each update: it changes by what it says. */
export const byValue = {
  attribute: false,
  hasChanged: (value: unknown, old: unknown) => JSON.stringify(value) !== JSON.stringify(old),
} as const;
