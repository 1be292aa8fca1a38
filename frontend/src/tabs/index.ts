import type { View } from "../state";
import { compareTab } from "./compare";
import { flowTab } from "./flow";
import { heatmapTab } from "./heatmap";
import type { Tab } from "./tab";

export const TABS: Record<View, Tab> = { heatmap: heatmapTab, flow: flowTab, compare: compareTab };
