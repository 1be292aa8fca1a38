/**
 * The page's words, each explained in a sentence, with a formula where there is one and the place in the docs
 * that says more.
 */

export interface Term {
  name: string;
  words: string;
  formula?: string;
  /** A file of docs/, and a section of it. */
  docs: string;
}

const CAPTURE = "reference/capture.md, Quantities";

export const GLOSSARY: readonly Term[] = [
  {
    name: "hidden-state gradient",
    words:
      "How the loss changes with the hidden state at a timestep, through every later timestep of the layer and all above it: what backpropagation through time carries.",
    formula: "dL/dh_t = Σ_s≥t ∂L/∂y_s · ∂y_s/∂h_t",
    docs: CAPTURE,
  },
  {
    name: "cell-state gradient",
    words: "The same for an LSTM's cell state.",
    formula: "dL/dc_t",
    docs: CAPTURE,
  },
  {
    name: "output gradient",
    words:
      "Only what arrives from above at a timestep's output, without the layer's own recurrence: 0 wherever nothing reads the output.",
    formula: "∂L/∂y_t",
    docs: CAPTURE,
  },
  {
    name: "input gradient",
    words: "How the loss changes with the layer's input at a timestep.",
    formula: "dL/dx_t",
    docs: CAPTURE,
  },
  {
    name: "gate gradient",
    words:
      "How the loss changes with a gate's value before its activation: i, f, c, o of an LSTM, z, r, h of a GRU.",
    formula: "dL/da_t",
    docs: CAPTURE,
  },
  {
    name: "state Jacobian",
    words:
      "How the state at timestep t depends on the input or state at timestep s, whatever the loss. Drawn as log₁₀ of its norm.",
    formula: "log₁₀ ‖∂h_t/∂x_s‖",
    docs: "reference/views.md, Jacobian",
  },
  {
    name: "itemised gradient",
    words: "How the loss at one timestep alone changes with earlier states.",
    formula: "‖dL_t/dh_s‖",
    docs: "reference/views.md, Jacobian",
  },
  {
    name: "step and timestep",
    words: "A step is one update of the weights: the slider. A timestep is a position in the sequence.",
    docs: "reference/views.md",
  },
  {
    name: "lag",
    words:
      "Timesteps counted back from a sample's last real one, so that sequences of different lengths line up.",
    formula: "ℓ = T − 1 − t",
    docs: "reference/views.md, Heatmap",
  },
  {
    name: "channel and channel group",
    words: "One unit or feature. Gates and directions are groups of channels.",
    docs: "reference/views.md, Heatmap",
  },
  {
    name: "kept sample",
    words:
      "A sequence of the batch that was logged whole. Statistics of the flow are of the whole batch. In a live batch, sample 0 is another sequence at each step.",
    docs: "how-to/log_from_fit.md",
  },
  {
    name: "padding",
    words:
      "Timesteps after a sequence's end. They are hatched and counted nowhere: an exact 0 there would look vanished.",
    docs: "how-to/masks_and_padding.md",
  },
  {
    name: "norm",
    words: "The size of a sample's gradient at a timestep, over its channels.",
    formula: "‖g_t‖ = √(Σ_c g_tc²)",
    docs: "reference/views.md, Flow",
  },
  {
    name: "mean, mean |g|, RMS, max |g|, std",
    words:
      "Statistics over the kept samples, cell by cell. The mean loses what differs in sign; RMS and max |g| keep spikes.",
    formula: "RMS = √(Σ_i g_i² / n)",
    docs: "reference/views.md, Heatmap",
  },
  {
    name: "memory horizon",
    words:
      "The largest lag at which a sample's norm is still a share ε of its own largest norm; of a batch, the median sample's.",
    formula: "max { ℓ : ‖g_ℓ‖ ≥ ε · max ‖g‖ }",
    docs: "reference/views.md, Flow",
  },
  {
    name: "half-life",
    words:
      "The timesteps back over which the norm halves, by the exponential fitted to it. R² says how well that fits.",
    formula: "‖g_ℓ‖ ≈ a · 2^(−ℓ / half-life)",
    docs: "reference/views.md, Flow",
  },
  {
    name: "largest gain",
    words: "By how much one timestep back makes the norm larger at most. Above 1 it grows there.",
    formula: "max ‖g_t‖ / ‖g_t+1‖",
    docs: "reference/views.md, Flow",
  },
  {
    name: "signal-to-noise ratio",
    words: "How far samples agree: where it is small, they pull in different directions.",
    formula: "|mean| / standard deviation",
    docs: "reference/views.md, Flow",
  },
  {
    name: "symlog",
    words: "A scale that is about linear below a threshold and logarithmic above, with the sign kept.",
    formula: "sign(x) · log(1 + |x| / threshold)",
    docs: "reference/views.md, Heatmap",
  },
  {
    name: "flags",
    words:
      "Non-finite: NaN or Inf. Exploding: the norm grows back in time beyond a threshold. Cut: the gradient is exactly 0 before the same lag in every sample, so something detaches or truncates. Vanishing: the horizon is a small share of the sequence. Dead: channels that are exactly 0 throughout.",
    docs: "reference/views.md, Flow",
  },
  {
    name: "BPTT window",
    words: "Where backpropagation through time is truncated, the gradient does not cross the windows' edges.",
    docs: "reference/views.md, Flow",
  },
];
