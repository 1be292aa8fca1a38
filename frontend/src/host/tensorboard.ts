/** What surrounds the page: TensorBoard's window, messages, theme, URL and run colours. */

/** TensorBoard's window; our own if the page is opened by itself, or in a frame on a page of another origin. */
const host = reachable(window.parent) ? window.parent : window;

/** Whether TensorBoard itself is embedded in another page, such as a notebook's output. */
export const isEmbedded = host !== window.top;

function reachable(other: Window): boolean {
  try {
    return other.document !== null;
  } catch (error) {
    if (error instanceof DOMException) return false; // another origin's window
    throw error;
  }
}

/** The colours that the Time Series tab gives to runs, in the order of `/data/runs`. */
const PALETTE = ["#425066", "#12b5cb", "#e52592", "#f9ab00", "#9334e6", "#7cb342", "#e8710a"];
/** Replaces the first colour, which is too dark for a dark page. */
const DARK_FIRST = "#8e98a3";

export function runColour(run: string, runs: readonly string[], dark: boolean): string {
  const index = Math.max(0, runs.indexOf(run)) % PALETTE.length;
  return dark && index === 0 ? DARK_FIRST : PALETTE[index];
}

/** Call `changed` with whether TensorBoard is dark: now, and whenever that changes. */
export function watchDarkMode(changed: (dark: boolean) => void): void {
  const body = host.document.body;
  const report = () => changed(body.classList.contains("dark-mode"));
  new MutationObserver(report).observe(body, { attributes: true, attributeFilter: ["class"] });
  report();
}

/** Adopt TensorBoard's fonts, which a frame does not inherit. */
export function adoptFonts(): void {
  const sheet = new CSSStyleSheet();
  for (const source of host.document.styleSheets) {
    for (const rule of source.cssRules) {
      if (rule instanceof (host as typeof globalThis & Window).CSSFontFaceRule)
        sheet.insertRule(rule.cssText);
    }
  }
  document.adoptedStyleSheets.push(sheet);
}

export function readHostHash(): string {
  return host.location.hash;
}

/** Whether a hash of TensorBoard's URL belongs to our tab. */
function isOurs(hash: string): boolean {
  return /^(#|#rnngrad(&.*)?)?$/.test(hash);
}

/** Write the hash of TensorBoard's URL while our tab is shown: in place, or as another entry of its history. */
export function writeHostHash(hash: string, another = false): void {
  if (!isOurs(host.location.hash) || hash === host.location.hash) return;
  if (another) host.history.pushState(host.history.state, "", hash);
  else host.history.replaceState(host.history.state, "", hash);
}

/** Call `moved` with the hash when the browser goes back or forward while our tab is shown. */
export function watchHistory(moved: (hash: string) => void): void {
  const listen = () => {
    if (isOurs(host.location.hash)) moved(host.location.hash);
  };
  host.addEventListener("popstate", listen);
  window.addEventListener("pagehide", () => host.removeEventListener("popstate", listen), { once: true });
}

/** The address that shows the current state of the page. */
export function hostLink(hash: string): string {
  return host.location.href.replace(/#.*$/, "") + hash;
}

interface Message {
  type: string;
  id: number;
  isReply: boolean;
}

/**
 * Call `reloaded` when TensorBoard loaded new data or the set of runs changed.
 *
 * TensorBoard talks to plugins over a MessageChannel that the plugin opens. Every message expects a reply.
 */
export function watchReloads(reloaded: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = (event: MessageEvent<string>) => {
    const message = JSON.parse(event.data) as Message;
    if (message.isReply) return;
    if (message.type.endsWith("RunsChanged") || message.type.endsWith("DataReloaded")) reloaded();
    port1.postMessage(
      JSON.stringify({ type: message.type, id: message.id, payload: null, error: null, isReply: true }),
    );
  };
  host.postMessage("experimental.bootstrap", "*", [port2]);
}
