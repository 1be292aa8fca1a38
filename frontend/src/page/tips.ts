import { css, html, LitElement } from "lit";
import { controls } from "../components/base/theme";

/** Help appears after the pointer rests this long; for keyboards it appears at once. */
const DELAY_MILLISECONDS = 450;
const GAP = 4;

/**
 * Shows what a control does, while the pointer rests on it or its label, or while it has the keyboard's
 * focus.
 *
 * The words are the control's `aria-description`, which screen readers read too. Browsers show a `title` to
 * pointers alone; this element shows it to keyboards. Escape hides the words.
 */
export class RgTips extends LitElement {
  static override properties = { words: { state: true } };
  static override styles = [
    controls,
    css`
      div {
        position: fixed; inset: auto; margin: 0; max-width: min(320px, 90vw); padding: 6px 10px; border: 0; border-radius: 4px;
        font-size: 12px; line-height: 1.4; color: var(--rg-background); background: var(--rg-text); pointer-events: none;
      }
    `,
  ];

  declare words: string;

  private about: Element | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.words = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // pointerover and focusin do not leave a shadow root while they stay within it; pointermove and keyup do.
    document.addEventListener("pointermove", this.onPointer);
    document.documentElement.addEventListener("pointerleave", this.hide);
    document.addEventListener("pointerdown", this.putAway);
    document.addEventListener("focusin", this.onFocus);
    document.addEventListener("keyup", this.onFocus);
    document.addEventListener("focusout", this.hide);
    document.addEventListener("keydown", this.onKey, { capture: true });
    document.addEventListener("scroll", this.hide, { capture: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("pointermove", this.onPointer);
    document.documentElement.removeEventListener("pointerleave", this.hide);
    document.removeEventListener("pointerdown", this.putAway);
    document.removeEventListener("focusin", this.onFocus);
    document.removeEventListener("keyup", this.onFocus);
    document.removeEventListener("focusout", this.hide);
    document.removeEventListener("keydown", this.onKey, { capture: true });
    document.removeEventListener("scroll", this.hide, { capture: true });
  }

  override render() {
    return html`<div popover="manual" aria-hidden="true">${this.words}</div>`;
  }

  private readonly onPointer = (event: PointerEvent): void => {
    const about = described(event.composedPath());
    if (about === this.about) return;
    this.hide();
    if (!about) return;
    this.about = about;
    this.timer = setTimeout(
      () => this.show(about, about.getAttribute("aria-description")),
      DELAY_MILLISECONDS,
    );
  };

  private readonly onFocus = (event: Event): void => {
    const [target] = event.composedPath();
    if (!(target instanceof Element) || !target.matches(":focus-visible") || target === this.about) return;
    this.putAway();
    this.about = target;
    this.show(target, target.getAttribute("aria-description") ?? target.getAttribute("title"));
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.putAway();
  };

  private readonly hide = (): void => {
    this.putAway();
    this.about = null;
  };

  /** Hide the words until the user points at another control. */
  private readonly putAway = (): void => {
    clearTimeout(this.timer);
    this.popup?.hidePopover();
  };

  private get popup(): HTMLElement | null {
    return this.renderRoot.querySelector("div");
  }

  private async show(about: Element, words: string | null): Promise<void> {
    if (!words) return;
    this.words = words;
    await this.updateComplete;
    const { popup } = this;
    if (this.about !== about || !popup) return;
    popup.showPopover();
    const [control, own] = [about.getBoundingClientRect(), popup.getBoundingClientRect()];
    const below = control.bottom + GAP;
    const fits = below + own.height <= window.innerHeight;
    const left = Math.min(control.left, window.innerWidth - own.width - GAP);
    popup.style.left = `${Math.max(GAP, left)}px`;
    popup.style.top = `${fits ? below : control.top - own.height - GAP}px`;
  }
}

/** The innermost element under the pointer that has a description, or whose label is under the pointer. */
function described(path: readonly EventTarget[]): Element | null {
  for (const target of path) {
    if (!(target instanceof Element)) continue;
    const control = target instanceof HTMLLabelElement && target.control ? target.control : target;
    if (control.hasAttribute("aria-description")) return control;
  }
  return null;
}

customElements.define("rg-tips", RgTips);
