import type { TabName } from "../state/options";
import { compareTab } from "./compare/tab";
import { curvesTab } from "./curves/tab";
import { distributionTab } from "./distribution/tab";
import { flowTab } from "./flow/tab";
import { heatmapTab } from "./heatmap/tab";
import { jacobianTab } from "./jacobian/tab";
import { overviewTab } from "./overview/tab";
import type { Tab } from "./tab";
import { weightsTab } from "./weights/tab";

export const TABS: Record<TabName, Tab> = {
  overview: overviewTab,
  flow: flowTab,
  heatmap: heatmapTab,
  curves: curvesTab,
  distribution: distributionTab,
  weights: weightsTab,
  jacobian: jacobianTab,
  compare: compareTab,
};
