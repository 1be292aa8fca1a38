/** Copying and saving. */

/** Copy text; also where TensorBoard is served without TLS, which hides `navigator.clipboard`. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Let the browser save `content` as a file. */
export function save(name: string, content: BlobPart, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  // The browser takes the content over when the click is handled, not before.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
