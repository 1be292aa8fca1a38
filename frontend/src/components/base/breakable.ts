import { html } from "lit";

/**
 * A name that may break between its parts: after slashes, underscores, dots, commas and equals signs. It
 * breaks inside a part only if it must.
 */
export function breakable(name: string) {
  return name.split(/(?<=[/_.,=])/).map((part, index) => (index ? html`<wbr />${part}` : part));
}
