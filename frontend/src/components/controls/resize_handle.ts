import { css, html, LitElement } from "lit";
import type { CardSize } from "../../state/options";
import type { State } from "../../state/state";
import { emit } from "../base/events";
import { controls } from "../base/theme";
import { fullHeight } from "./full_button";
import { HELP } from "./help";

/** A card that can be resized. */
export interface Resized extends HTMLElement {
  /** The height that the user chose for its picture, in pixels; 0 if none. */
  resized: number;
  full: boolean;
}

const LEAST = 60;
const MOST = 4000;
/** Pixels that a key moves, and pixels of a sideways drag that change the width. */
const KEY = 20;
const ASIDE = 60;

const handles = new Set<RgResizeHandle>();
let sizes: State["sizes"] = {};

/** Give all cards the sizes that the user chose. */
export function showSizes(chosen: State["sizes"]): void {
  if (chosen === sizes) return;
  sizes = chosen;
  for (const handle of handles) handle.requestUpdate();
}

/** The height of a card's picture by choice, or because the card fills the page; 0 for its natural height. */
export function chosenHeight({ resized, full }: Pick<Resized, "resized" | "full">): number {
  return full ? fullHeight() : resized;
}

/** The corner of a card. Dragging it changes the picture's height, and makes the card as wide as the page. */
export class RgResizeHandle extends LitElement {
  static override properties = { of: { type: String }, natural: { type: Number } };
  static override styles = [
    controls,
    css`
      :host { position: absolute; right: 0; bottom: 0; display: block; }
      div {
        width: 16px; height: 16px; cursor: nwse-resize; touch-action: none; color: var(--rg-edge);
        background: linear-gradient(135deg, transparent 50%, currentColor 50% 56%, transparent 56% 70%, currentColor 70% 76%, transparent 76%) 3px 3px / 10px 10px no-repeat;
      }
    `,
  ];

  /** A name for the card's content that tells it apart from other cards. */
  declare of: string;
  /** The natural height of its picture. */
  declare natural: number;

  private dragged: { x: number; y: number; height: number } | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    handles.add(this);
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    handles.delete(this);
  }

  override render() {
    const { height } = this;
    return html`<div
      role="separator" tabindex="0" aria-orientation="horizontal" aria-label="Height of the picture" aria-description=${HELP.resize}
      aria-valuemin=${LEAST} aria-valuemax=${MOST} aria-valuenow=${height} aria-valuetext="${height} pixels"
      @pointerdown=${this.onDown} @pointermove=${this.onMove} @pointerup=${this.onUp} @keydown=${this.onKey} @dblclick=${() => this.set(null)}
    ></div>`;
  }

  override updated(): void {
    const { card } = this;
    const [height, wide] = this.size;
    card.resized = height;
    card.toggleAttribute("wide", wide);
  }

  private get card(): Resized {
    return (this.getRootNode() as ShadowRoot).host as Resized;
  }

  private get name(): string {
    return `${this.card.localName} ${this.of}`;
  }

  private get size(): CardSize {
    return sizes[this.name] ?? [0, false];
  }

  private get height(): number {
    return this.size[0] || Math.round(this.natural);
  }

  private onDown(event: PointerEvent): void {
    (event.target as Element).setPointerCapture(event.pointerId);
    this.dragged = { x: event.clientX, y: event.clientY, height: this.height };
  }

  private onMove(event: PointerEvent): void {
    if (!this.dragged) return;
    const { x, y, height } = this.dragged;
    const aside = event.clientX - x;
    this.set([height + event.clientY - y, Math.abs(aside) < ASIDE ? this.size[1] : aside > 0]);
  }

  private onUp(): void {
    this.dragged = null;
  }

  private onKey(event: KeyboardEvent): void {
    const [height, wide] = [this.height, this.size[1]];
    const sizes: Record<string, CardSize> = {
      ArrowDown: [height + KEY, wide],
      ArrowUp: [height - KEY, wide],
      ArrowRight: [height, true],
      ArrowLeft: [height, false],
    };
    const size = event.key === "0" ? null : sizes[event.key];
    if (size === undefined) return;
    event.preventDefault();
    this.set(size);
  }

  /** Set the size; null restores the natural one. */
  private set(size: CardSize | null): void {
    const { [this.name]: _, ...others } = sizes;
    if (size) size[0] = Math.round(Math.min(MOST, Math.max(LEAST, size[0])));
    emit(this, "rg-set", { sizes: size ? { ...others, [this.name]: size } : others });
  }
}

customElements.define("rg-resize-handle", RgResizeHandle);
