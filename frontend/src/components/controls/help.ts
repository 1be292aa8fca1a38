/** What each control does, in a sentence or two. The page shows it on hover and focus, and screen readers read it. */

export const HELP = {
  step: "The training step of all tabs. Left and right go one step, Page Up and Page Down ten.",
  stepNumber: "Type a training step: the nearest kept one is shown.",
  play: "Show one kept step after another.",
  loop: "Start again at the first step after the last.",
  speed: "Steps a second while playing.",
  show: "One kept sample, each kept sample in a picture of its own, or a statistic over all of them. In a live batch sample 0 is another sequence at each step; log with data=(x, y) to follow the same one.",
  channel: "The channel whose samples are shown, one row each. Empty: the one with the largest norm.",
  columns: "How many pictures stand side by side. Automatic: as many as fit.",
  scale:
    "How values become colours and heights. Automatic: symlog for gradients, which span decades, linear for weights, states and outputs.",
  more: "Controls that are rarely needed: ranges, limits, thresholds, colours, axes.",
  range:
    "What one colour range covers: all pictures shown, all steps (colours stay put while stepping), every run, or each picture alone.",
  percentile:
    "Where the range ends: at the largest magnitude, or at a percentile of the magnitudes. What lies beyond has a colour of its own.",
  low: "The lower end of the range. Empty: symmetric about 0, or 0 for magnitudes.",
  limit: "The upper end of the range, a magnitude. Empty: automatic.",
  threshold:
    "Magnitudes below it are drawn linearly by symlog; log |x| tells nothing apart below it. Empty: three decades under the limit for symlog.",
  map: "The colours. Maps with a middle are for ranges symmetric about 0.",
  axes: "The vertical axis of the pictures: channels, or timesteps.",
  time: "Timesteps as recorded, or as lags, counted back from each sample's own last real timestep.",
  order:
    "The order of channels. It is made from the step at which it is chosen, and stays while stepping. Gates and directions stay together.",
  backward:
    "The backward direction in the input's time, as recorded, or in the order in which the layer processed it.",
  curveSample: "The curves of every kept sample, or of a single one.",
  free: "y axes that all plots share, or each plot's own.",
  firstTimesteps: "Draw only so many timesteps or lags. Empty: all.",
  plots: "How many small plots stand on a page.",
  overSteps: "Histograms over training as ridges, or as rows of colours.",
  bins: "Into how many bins of equal width values are counted.",
  peaks:
    "Cut bars that are higher than a share of the highest, such as a peak at 0, so that the rest can be seen.",
  binAxes:
    "Axes that all histograms of a quantity share, those of each run, or of each gate and direction by itself.",
  flowOf: "What the maps show of each step and timestep, over the whole batch.",
  flowAxis: "Rows are timesteps, or lags: timesteps counted back from each sample's own end.",
  flowRelative:
    "Relative: each step's largest is 1, so that fading can be compared between steps and runs whatever their size. Absolute: the values themselves.",
  flowShow: "Each run's map, or the decades between the norms of two runs.",
  bptt: "The window of truncated backpropagation through time, in timesteps: the gradient does not cross its multiples. Empty: it is not truncated.",
  smoothing:
    "Draw an exponential moving average, as TensorBoard does; the share of what came before. The values themselves stay faint behind.",
  xAxis:
    "What stands below charts over training: the training step, the time since the run's first value, or the time of day.",
  weightsAs: "Matrices and histograms at a step, or the norm of each gate over training.",
  a: "What is compared: A.",
  b: "What it is compared with: B.",
  stepB: "The step of B, where it is another than the slider's. Empty: the slider's.",
  comparison: "The difference cell by cell, the decades between the magnitudes, or A laid over B.",
  swap: "Let A and B change places.",
  groupBy:
    "Make one line of runs that differ in their seed: a mean over them, and a band from the least to the most.",
  groupPattern: "Runs of whose names it captures the same are one group.",
  resize:
    "Drag it, or use arrow keys: up and down change the height, to the right makes the card as wide as the page. A double click, or 0, puts it back.",
  filter: "A regular expression: names that match are listed.",
  all: "Choose all names listed.",
  none: "Choose none of the names listed.",
  link: "Copy an address that shows the same to others.",
  glossary: "What the words mean, each with its formula.",
  retry: "Ask TensorBoard again.",
  showMore: "Draw more of what is chosen.",
  showAll: "Go back to what is chosen at the left.",
  automatic: "Let the page choose runs and tags again.",
  scalar: "Draw another of TensorBoard's scalars above the horizon.",
  noScalar: "Do not draw this scalar.",
  parts: "Show only this direction or cell, which has lags, horizon and flags.",
  unpin: "Do not draw this channel by itself.",
  page: "Show other small plots.",
  export: "Save the picture or its numbers.",
  PNG: "Save the picture in pixels.",
  SVG: "Save the picture in vectors.",
  CSV: "Save the visible numbers as text.",
  NPY: "Save the visible numbers for NumPy.",
  "Copy as Python": "Copy the lines that read these numbers from the log.",
  figure: "Title, size and parts of pictures to save.",
  figureTitle: "The words above the picture. Empty: what it shows.",
  figureWidth: "The width of the picture. Empty: as on the page.",
  figureBar: "Save the colour bar with the picture.",
  figureTicks: "Save the numbers along the axes with the picture.",
} as const;

export type Help = keyof typeof HELP;
