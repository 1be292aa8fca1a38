/** Tells whether `text` matches the filter, a regular expression. An invalid one matches everything. */
export function matcher(filter: string): { test(text: string): boolean; valid: boolean } {
  try {
    const expression = new RegExp(filter, "i");
    return { test: (text) => expression.test(text), valid: true };
  } catch (error) {
    if (error instanceof SyntaxError) return { test: () => true, valid: false };
    throw error;
  }
}
