import type { View } from "../state";
import { compareTab } from "./compare";
import { flowTab } from "./flow";
import { heatmapTab } from "./heatmap";
import { overviewTab } from "./overview";
import type { Tab } from "./tab";

export const TABS: Record<View, Tab> = {
  overview: overviewTab,
  heatmap: heatmapTab,
  flow: flowTab,
  compare: compareTab,
};
