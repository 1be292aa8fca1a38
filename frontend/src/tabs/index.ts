import type { View } from "../state";
import { compareTab } from "./compare";
import { curvesTab } from "./curves";
import { distributionTab } from "./distribution";
import { flowTab } from "./flow";
import { heatmapTab } from "./heatmap";
import { jacobianTab } from "./jacobian";
import { overviewTab } from "./overview";
import type { Tab } from "./tab";
import { weightsTab } from "./weights";

export const TABS: Record<View, Tab> = {
  overview: overviewTab,
  flow: flowTab,
  heatmap: heatmapTab,
  curves: curvesTab,
  distribution: distributionTab,
  weights: weightsTab,
  jacobian: jacobianTab,
  compare: compareTab,
};
