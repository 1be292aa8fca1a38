/** Copying and saving. */

/**
 * Copy text. Returns whether it was copied.
 *
 * This also works where TensorBoard is served without TLS, which hides `navigator.clipboard`, and in a frame
 * that may not use it.
 */
export async function copyText(text: string): Promise<boolean> {
  if (!navigator.clipboard) return copySelected(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (error instanceof DOMException) return copySelected(text); // not allowed
    throw error;
  }
}

function copySelected(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

/** Let the browser save `content` as a file. */
export function save(name: string, content: BlobPart, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  // The browser takes the content over only when it handles the click, which may be later.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
