/**
 * Colours that tell samples apart. The first ones suit colour-blind readers too; all have a contrast of 3:1
 * or more with the page.
 */

const LIGHT =
  "#0961bb #cf5604 #0e8c41 #8f2e8a #03999f #99740e #5d34a4 #b52f48 #7c9209 #004e6f #814706 #096150 #a564d1 #8a0700 #605a06 #13748d #6572e4 #295402 #cd5394 #915c08";
const DARK =
  "#6eadfe #fdb89a #75d78d #d582ce #2cecf5 #eebc4a #9f85e5 #fd8994 #c5de70 #0497d2 #dd8736 #15b194 #e3c1fe #d36757 #aca220 #19c4ec #bcc7fc #659e41 #fdbbd9 #e9a03e";

/** The colours for light and for dark pages. A sample has the same hue in both. */
export const SAMPLE_COLOURS = { light: LIGHT.split(" "), dark: DARK.split(" ") };

export function sampleColour(sample: number, dark: boolean): string {
  const colours = SAMPLE_COLOURS[dark ? "dark" : "light"];
  return colours[sample % colours.length];
}
