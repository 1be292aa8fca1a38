import { html } from "lit";

/** A name that breaks between its parts (after slashes, underscores, dots, commas and equals signs), inside one only where it must. */
export function breakable(name: string) {
  return name.split(/(?<=[/_.,=])/).map((part, index) => (index ? html`<wbr />${part}` : part));
}
