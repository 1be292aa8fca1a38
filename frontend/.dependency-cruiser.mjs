/** The one direction of imports: each folder may use what stands after it, never what stands before. */
const LAYERS = [
  "index",
  "page",
  "tabs",
  "components",
  "export",
  "pictures",
  "state",
  "maths",
  "data",
  "colour",
  "host",
];

const inLayers = (layers) => `^src/(${layers.join("|")})(/|\\.ts$)`;

const upward = LAYERS.slice(1).map((layer, index) => ({
  name: `${layer}-imports-nothing-above-it`,
  severity: "error",
  from: { path: inLayers([layer]) },
  to: { path: inLayers(LAYERS.slice(0, index + 1)) },
}));

export default {
  forbidden: [
    ...upward,
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "every-file-has-a-layer",
      severity: "error",
      from: { path: "^src/", pathNot: [inLayers(LAYERS), "\\.d\\.ts$"] },
      to: {},
    },
    {
      name: "a-tab-shares-through-tabs-shared",
      comment: "What two tabs draw alike stands in tabs/shared.",
      severity: "error",
      from: { path: "^src/tabs/([^/]+)/", pathNot: "^src/tabs/shared/" },
      to: { path: "^src/tabs/[^/]+/", pathNot: ["^src/tabs/$1/", "^src/tabs/shared/"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
  },
};
