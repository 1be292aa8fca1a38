/** Colours, fonts and controls that all elements share. They are TensorBoard's. */

import { css } from "lit";

/** Styles of the document, whose custom properties reach into every element. */
export const documentStyle = `
:root {
  color-scheme: light;
  --rg-background: #fff; --rg-raised: #fff; --rg-page: #f5f6f7; --rg-text: #212121; --rg-muted: #5f6368;
  --rg-border: #dadce0; --rg-edge: #80868b; --rg-accent: #f57c00; --rg-accent-text: #b45309; --rg-hover: #f1f3f4;
  --rg-error: #b3261e; --rg-good: #137333; --rg-padding: #c9ccd1; --rg-crosshair: #202124; --rg-focus: #1a73e8;
  --rg-non_finite: #c2007a; --rg-exploding: #d93025; --rg-cut: #8430ce; --rg-vanishing: #1967d2; --rg-dead_channels: #6b7075;
}
:root.dark {
  color-scheme: dark;
  --rg-background: #303030; --rg-raised: #383838; --rg-page: #292929; --rg-text: #fff; --rg-muted: #bdc1c6;
  --rg-border: #555; --rg-edge: #8f9499; --rg-accent: #ffa726; --rg-accent-text: #ffb74d; --rg-hover: #444;
  --rg-error: #ff8a80; --rg-good: #81c995; --rg-padding: #5f6368; --rg-crosshair: #fff; --rg-focus: #8ab4f8;
  --rg-non_finite: #ff6ad5; --rg-exploding: #ff7043; --rg-cut: #c58af9; --rg-vanishing: #64b5f6; --rg-dead_channels: #bdc1c6;
}
html, body { height: 100%; margin: 0; background: var(--rg-page); }
body { font: 13px/1.4 Roboto, "Helvetica Neue", Arial, sans-serif; color: var(--rg-text); }
`;

export const controls = css`
  :host { box-sizing: border-box; }
  *, *::before, *::after { box-sizing: border-box; }
  [hidden] { display: none !important; }
  button, select, input { font: inherit; color: inherit; }
  button, select, input[type="text"], input[type="search"], input[type="number"] {
    height: 28px; border: 1px solid var(--rg-edge); border-radius: 4px;
    background: var(--rg-background); padding: 0 8px;
  }
  ::placeholder { color: var(--rg-muted); opacity: 1; }
  button { cursor: pointer; white-space: nowrap; }
  button:hover:not(:disabled) { background: var(--rg-hover); }
  button:disabled { opacity: 0.45; cursor: default; }
  button.link { border: 0; background: none; padding: 0; height: auto; color: var(--rg-accent-text); }
  button.link:hover { text-decoration: underline; background: none; }
  button[aria-pressed="true"] { border-color: var(--rg-accent-text); color: var(--rg-accent-text); }
  input[type="checkbox"] { accent-color: var(--rg-accent); }
  :focus-visible { outline: 2px solid var(--rg-focus); outline-offset: 1px; }
  .field { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
  .unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .muted { color: var(--rg-muted); }
  .number { font-variant-numeric: tabular-nums; }
`;

/** Padding is not a value, so it is hatched in every map and theme. */
export const hatch = css`
  repeating-linear-gradient(45deg, var(--rg-padding) 0 1.5px, transparent 1.5px 6px)
`;

/** A framed picture with its heading, and what is below it. */
export const card = css`
  :host {
    display: block; position: relative; min-width: 0; background: var(--rg-raised); border: 1px solid var(--rg-border);
    border-radius: 4px; padding: 10px 12px;
  }
  :host([full]) {
    position: fixed; inset: 0; width: auto; height: auto; max-width: none; max-height: none; margin: 0; border: 0; border-radius: 0;
    padding: 12px 16px; overflow: auto; color: var(--rg-text);
  }
  header { display: flex; align-items: baseline; gap: 8px; }
  h3 { font-size: 13px; font-weight: 500; margin: 0; min-width: 0; overflow-wrap: anywhere; }
  p { margin: 0 0 4px; font-size: 12px; overflow-wrap: anywhere; }
  .swatch { width: 10px; height: 10px; border-radius: 50%; align-self: start; margin-top: 4px; flex: none; }
  header > rg-full-button, header > rg-pin-button { align-self: start; margin: -3px 0; }
  .step { margin-left: auto; white-space: nowrap; }
  .readout { min-height: 20px; font-size: 12px; margin-top: 2px; }
  .readout b { font-weight: 500; }
`;

/** How a tab lays out its cards. */
export const tabContent = css`
  .cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least, 300px)), 1fr)); }
  /* So many stand in even rows. */
  .cards:has(> :nth-child(2):last-child, > :nth-child(4):last-child) { --least: 400px; }
  .cards > [wide], .cards > :has(> [wide]) { grid-column: 1 / -1; }
  .overview { display: grid; gap: 12px; grid-template: "brief" "charts" "details" / minmax(0, 1fr); align-items: start; }
  .overview > rg-overview-brief { grid-area: brief; }
  .overview > .charts { grid-area: charts; min-width: 0; }
  .overview > .details { grid-area: details; min-width: 0; }
  .overview > .details > h2:first-child { margin-top: 4px; }
  .stacked { --least: 420px; }
  /* Wide enough for the table beside the charts: all of it is seen at once. */
  @media (min-width: 1500px) {
    .overview { grid-template: "brief charts" auto "details charts" 1fr / minmax(0, 3fr) minmax(0, 2fr); }
    .stacked { grid-template-columns: minmax(0, 1fr); }
  }
  section + section { margin-top: 24px; }
  h2.section { overflow-wrap: anywhere; font-size: 13px; font-weight: 500; margin: 16px 0 8px; }
`;
