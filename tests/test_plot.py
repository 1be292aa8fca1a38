"""Figures hold the numbers that were logged, in the places where the page draws them."""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import LogNorm, to_hex, to_rgb, to_rgba

import tb_rnngrad
from tb_rnngrad import SequenceRecord, plot
from tb_rnngrad.events.reader import Flow

RNG = np.random.default_rng(4)
DATA = RNG.normal(size=(4, 30, 6)).astype(np.float32)
GROUPS = {"forward": 3, "backward": 3}
LENGTHS = [30, 20, 10, 5]
FADING = (0.8 ** np.arange(29, -1, -1.0)).reshape(1, 30, 1) * np.ones((4, 1, 6))


@pytest.fixture(autouse=True)
def closed():
    """Close what a test drew, and check that it left Matplotlib's settings alone."""
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    pyplot.close("all")


def record(**options):
    return SequenceRecord(DATA, channel_groups=GROUPS, **options)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("logs")
    with tb_rnngrad.SummaryWriter(logdir / "run") as writer:
        for step in range(5):
            writer.add_sequence("lstm", DATA * (step + 1), step * 10, max_outputs=2)
            writer.add_sequence("kernel", DATA[0], step * 10, quantity="weight")
            writer.add_flow("flow_alone", tb_rnngrad.flow.statistics(FADING), step * 10)
    return lambda tag: tb_rnngrad.read(logdir, tag=tag)


def image_of(axes):
    """The values of a heatmap; masked where it shows no ordinary value."""
    return axes.get_images()[0].get_array()


def pixel(figure, axes, column, row):
    """The colour drawn in the middle of a cell."""
    figure.canvas.draw()
    x, y = axes.transData.transform((column, row))
    drawn = np.asarray(figure.canvas.buffer_rgba())
    return to_hex(drawn[drawn.shape[0] - 1 - int(y), int(x)] / 255)


# --- heatmaps ---


def test_a_heatmap_of_each_sample_holds_its_values_on_one_range():
    _figure, axes = plot.heatmap(DATA, n_rows=2)
    assert axes.shape == (2, 2)
    for sample, of in enumerate(axes.flat):
        np.testing.assert_array_equal(image_of(of), DATA[sample].T)
        assert of.get_title() == f"sample {sample}"
        assert of.get_images()[0].norm.vmax == np.abs(DATA).max()
    assert axes[0, 0].get_images()[0].norm.scale.name == "linear"


def test_a_series_is_drawn_at_its_last_step_or_at_a_given_one(series):
    _, axes = plot.heatmap(series("lstm"))
    np.testing.assert_array_equal(image_of(axes[0, 1]), 5 * DATA[1].T)
    _figure, axes = plot.heatmap(series("lstm"), 20, samples=1)
    np.testing.assert_array_equal(image_of(axes[0, 0]), 3 * DATA[1].T)
    assert axes[0, 0].get_title() == "run, lstm, step 20, sample 1"
    assert axes[0, 0].get_images()[0].norm.scale.name == "symlog"


def test_special_values_have_the_page_s_colours():
    data = DATA.copy()
    data[0, 1, :4] = 0, np.nan, np.inf, -np.inf
    given = SequenceRecord(data, mask=LENGTHS)
    figure, axes = plot.heatmap(given, samples=[0])
    colours = [pixel(figure, axes[0, 0], 1, channel) for channel in range(4)]
    assert colours == ["#9e9e9e", "#ff00f0", "#00ff00", "#00ffff"]
    assert image_of(axes[0, 0]).mask[:, 1].tolist() == [False, True, True, True, False, False]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        *("exact 0", "NaN", "+Inf", "−Inf")
    }
    figure, axes = plot.heatmap(given, samples=[3])
    assert image_of(axes[0, 0]).mask.all(axis=0).tolist() == [False] * 5 + [True] * 25
    assert [patch.get_hatch() for patch in axes[0, 0].patches] == ["////"]


def test_values_beyond_the_range_have_colours_of_their_own():
    data = np.array([[-3.0, -1.0, 1.0, 3.0]], np.float32)
    figure, axes = plot.heatmap(data, vmax=1)
    found = [to_rgb(pixel(figure, axes[0, 0], 0, channel)) for channel in range(4)]
    ends = [axes[0, 0].get_images()[0].get_cmap()(end)[:3] for end in (0.0, 1.0)]
    expected = [to_rgb("#0099ff"), *ends, to_rgb("#9900ff")]
    np.testing.assert_allclose(found, expected, atol=1.5 / 255)
    _, axes = plot.heatmap(DATA, percentile=95, samples=0)
    magnitudes = np.sort(np.abs(DATA[0]).ravel())
    assert axes[0, 0].get_images()[0].norm.vmax == magnitudes[round(0.95 * (DATA[0].size - 1))]


def test_lags_count_from_each_sample_s_own_end():
    _, axes = plot.heatmap(record(mask=LENGTHS), lags=True, samples=[2])
    image = image_of(axes[0, 0])
    np.testing.assert_array_equal(image[:, :10], DATA[2, 9::-1].T)
    assert image.mask[:, 10:].all()
    assert axes[0, 0].xaxis_inverted()


def test_only_the_backward_half_is_drawn_in_the_order_in_which_it_is_processed():
    _, axes = plot.heatmap(record(), as_processed=True, samples=1)
    image = image_of(axes[0, 0])
    np.testing.assert_array_equal(image[:3], DATA[1, :, :3].T)
    np.testing.assert_array_equal(image[3:], DATA[1, ::-1, 3:].T)
    assert [text.get_text() for text in axes[0, 0].texts] == ["forward", "backward"]
    with pytest.raises(ValueError, match="as_processed needs a channel group 'backward'; .* None"):
        plot.heatmap(DATA, as_processed=True)


def test_samples_can_be_reduced_and_channels_ordered():
    _, axes = plot.heatmap(record(mask=LENGTHS), reduce="mean", max_timesteps=12)
    mask = np.arange(30) < np.array(LENGTHS)[:, np.newaxis]
    means = np.where(mask[..., np.newaxis], DATA, 0).sum(axis=0) / mask.sum(axis=0)[:, np.newaxis]
    np.testing.assert_allclose(image_of(axes[0, 0]), means[:12].T, rtol=1e-5)
    _, axes = plot.heatmap(record(), channel_order="norm", channel_labels=[*"abcdef"], samples=0)
    norms = np.linalg.norm(DATA[0], axis=0)
    order = [*np.argsort(-norms[:3]), *(3 + np.argsort(-norms[3:]))]
    np.testing.assert_array_equal(image_of(axes[0, 0]), DATA[0].T[order])
    named = axes[0, 0].yaxis.get_major_formatter()
    assert [named(place, 0) for place in range(6)] == ["abcdef"[channel] for channel in order]


def test_one_channel_of_each_sample_is_one_map():
    _, axes = plot.heatmap(record(mask=LENGTHS), channel=4)
    image = image_of(axes[0, 0])
    assert (~image.mask).sum(axis=1).tolist() == LENGTHS
    np.testing.assert_array_equal(image[0], DATA[0, :, 4])


def test_no_spike_is_lost_where_cells_are_smaller_than_pixels():
    data = np.full((5000, 3), 1e-3, np.float32)
    data[[7, 1234, 4999], 1] = -1
    _figure, axes = plot.heatmap(data)
    image = image_of(axes[0, 0])
    assert image.shape[1] < 700
    assert (image[1] == -1).sum() == 3
    assert axes[0, 0].get_xlim() == (-0.5, 4999.5)


def test_a_norm_of_matplotlib_s_is_used_as_it_is():
    norm = LogNorm(1e-3, 10)
    _figure, axes = plot.heatmap(np.abs(DATA), samples=0, norm=norm, cmap="plasma")
    assert axes[0, 0].get_images()[0].norm is norm
    assert axes[0, 0].get_images()[0].get_cmap().name == "plasma"
    _, axes = plot.heatmap(np.abs(DATA), samples=0, norm=norm)
    assert axes[0, 0].get_images()[0].get_cmap().name == "viridis"


def test_figures_are_drawn_into_given_axes():
    figure, given = pyplot.subplots(1, 4)
    drawn, axes = plot.heatmap(DATA, ax=given, colorbar=False, title="")
    assert drawn is figure
    assert [*axes.flat] == [*given]
    with pytest.raises(ValueError, match="ax has 2 axes; expected 4"):
        plot.heatmap(DATA, ax=given[:2])


# --- curves, scatter, histograms ---


def test_each_channel_has_a_plot_with_a_curve_for_each_sample():
    _, axes = plot.curves(record(mask=LENGTHS), n_cols=3)
    assert axes.shape == (2, 3)
    for channel, of in enumerate(axes.flat):
        _zero, *curves = of.get_lines()
        assert [curve.get_color() for curve in curves] == [
            "#0961bb",
            "#cf5604",
            "#0e8c41",
            "#8f2e8a",
        ]
        for sample, curve in enumerate(curves):
            drawn = np.asarray(curve.get_ydata())
            length = LENGTHS[sample]
            np.testing.assert_array_equal(drawn[:length], DATA[sample, :length, channel])
            assert np.isnan(drawn[length:]).all()
        assert of.get_ylim() == axes[0, 0].get_ylim()
        assert of.get_title() == f"channel {channel}"


def test_samples_or_all_can_share_a_plot():
    _, axes = plot.curves(DATA, panels="sample", channels=[1, 2], sharey=False, color="red")
    assert [of.get_title() for of in axes.flat] == [f"sample {sample}" for sample in range(4)]
    assert {line.get_color() for line in axes[0, 0].get_lines()[1:]} == {"red"}
    assert axes[0, 0].get_ylim() != axes[0, 1].get_ylim()
    figure, axes = plot.curves(DATA[0], channel_labels=[*"abcdef"], linewidth=3)
    lines = axes[0, 0].get_lines()[1:]
    np.testing.assert_array_equal([line.get_ydata() for line in lines], DATA[0].T)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*"abcdef"]
    assert {line.get_linewidth() for line in lines} == {3}


def test_many_curves_are_drawn_as_quantiles():
    data = RNG.normal(size=(40, 30, 2)).astype(np.float32)
    data[3, 7] = np.nan
    _, axes = plot.curves(data)
    median = axes[0, 1].get_lines()[1].get_ydata()
    np.testing.assert_allclose(median, np.nanmedian(data[..., 1], axis=0), rtol=1e-6)
    outer = axes[0, 1].collections[0].get_paths()[0].vertices
    low = np.nanquantile(data[..., 1], 0.05, axis=0)
    assert {*np.float32(low)} <= {*np.float32(outer[:, 1])}
    _, axes = plot.curves(data, bands=False)
    assert len(axes[0, 0].get_lines()) == 1 + 40 + 1  # zero, curves, the mark of the NaN


def test_special_values_are_marks_at_the_edges_of_curves():
    data = np.abs(DATA[:1])
    data[0, :4, 0] = np.nan, np.inf, -np.inf, 0
    _, axes = plot.curves(data, channels=0, norm="log")
    marks = {
        line.get_label(): (*line.get_xdata(), *line.get_ydata())
        for line in axes[0, 0].get_lines()
        if line.get_label() in ("NaN", "+Inf", "−Inf", "exact 0")
    }
    assert marks == {"NaN": (0, 1), "+Inf": (1, 1), "−Inf": (2, 0), "exact 0": (3, 0)}
    assert axes[0, 0].get_yscale() == "function"


def test_a_record_without_a_time_axis_is_points():
    given = SequenceRecord(DATA[:, 0], quantity="output_gradient", layer="lstm_1")
    _figure, axes = plot.scatter(given)
    points = axes[0, 0].collections[0]
    expected = np.stack([np.repeat(np.arange(4), 6), DATA[:, 0].ravel()], axis=1)
    np.testing.assert_allclose(points.get_offsets(), expected, rtol=1e-6)
    assert points.get_array().tolist() == [*range(6)] * 4
    assert axes[0, 0].get_title() == "output gradient of lstm_1"
    _, axes = plot.scatter(DATA, timestep=-1, samples=[1], color="sample")
    points = axes[0, 0].collections[0]
    np.testing.assert_allclose(points.get_offsets()[:, 1], DATA[1, -1], rtol=1e-6)
    assert to_rgba("#cf5604") == tuple(points.get_facecolor()[0])
    with pytest.raises(ValueError, match=r"have 30 timesteps; expected timestep=, or plot.curves"):
        plot.scatter(DATA)


def test_a_histogram_counts_the_real_values_of_each_group():
    _, axes = plot.histogram(record(mask=LENGTHS), bins=10, norm="linear")
    assert [of.get_title() for of in axes.flat] == ["forward", "backward"]
    mask = np.arange(30) < np.array(LENGTHS)[:, np.newaxis]
    for channels, of in zip((slice(3), slice(3, 6)), axes.flat, strict=True):
        shares, edges, _ = of.patches[0].get_data()
        values = DATA[..., channels][mask]
        counts, _ = np.histogram(values, edges)
        np.testing.assert_allclose(shares, counts / values.size)
        assert counts.sum() == values.size
    _, axes = plot.histogram(DATA, norm="symlog")
    edges = axes[0, 0].patches[0].get_data()[1]
    assert len(edges) == 65
    assert edges[32] == 0


# --- weights, flow, Jacobians ---


def test_weights_have_their_units_down_and_a_histogram_below():
    rng = np.random.default_rng(0)
    gates = {"z": 4, "r": 4, "h": 4}
    kernel = SequenceRecord(rng.normal(size=(3, 12)), None, gates, "weight", "gru")
    gradient = SequenceRecord(rng.normal(size=(3, 12)) / 99, None, gates, "weight_gradient", "gru")
    _figure, axes = plot.weights({"kernel": kernel, "kernel, gradient": gradient}, bins=8)
    assert axes.shape == (2, 2)
    for column, of in enumerate((kernel, gradient)):
        np.testing.assert_array_equal(image_of(axes[0, column]), of.data.T.astype(np.float32))
        shares = [patch.get_data()[0] for patch in axes[1, column].patches]
        assert [round(float(share.sum()), 6) for share in shares] == [1, 1, 1]
    norms = [of.get_images()[0].norm for of in axes[0]]
    assert [norm.scale.name for norm in norms] == ["linear", "symlog"]
    assert [norm.vmax for norm in norms] == [
        np.abs(np.float32(of.data)).max() for of in (kernel, gradient)
    ]
    assert axes[0, 0].get_xlabel() == "from input feature"


def test_weights_are_drawn_into_given_axes(series):
    figure, given = pyplot.subplots(2, 1)
    drawn, axes = plot.weights(series("kernel"), ax=given)
    assert drawn is figure
    assert [*axes.flat] == [*given]
    np.testing.assert_array_equal(image_of(given[0]), DATA[0].T)


def test_only_outer_plots_have_numbers_of_axes_that_all_share():
    figure, axes = plot.curves(DATA, n_cols=3)
    figure.canvas.draw()
    left = [
        next(tick.label1.get_visible() for tick in of.yaxis.get_major_ticks()) for of in axes.flat
    ]
    below = [
        next(tick.label1.get_visible() for tick in of.xaxis.get_major_ticks()) for of in axes.flat
    ]
    assert left == [True, False, False] * 2
    assert below == [False] * 3 + [True] * 3
    _, axes = plot.curves(DATA, n_cols=3, sharey=False)
    assert all(of.yaxis.get_major_ticks()[0].label1.get_visible() for of in axes.flat)


def test_a_list_of_series_is_named_by_what_their_tags_end_with(series):
    _, axes = plot.weights([series("kernel")], 30, histograms=False)
    assert axes.shape == (1, 1)
    assert axes[0, 0].get_title() == "kernel"
    with pytest.raises(ValueError, match=r"run, lstm, step 40 is no matrix of weights"):
        plot.weights(series("lstm"))


def test_flow_over_training_is_a_map_with_the_horizon(series):
    given = series("flow_alone")
    _, axes = plot.flow(given)
    norms = given.flow.values[..., given.flow.statistics.index("norm_mean")]
    expected = (norms / norms.max(axis=1, keepdims=True)).T
    np.testing.assert_allclose(image_of(axes[0, 0]), expected, rtol=1e-6)
    norm = axes[0, 0].get_images()[0].norm
    assert norm.scale.name == "log"
    assert (norm.vmin, norm.vmax) == (pytest.approx(expected.min(), rel=1e-6), 1)
    horizon = tb_rnngrad.flow.horizons_of(given.flow.values[0])[1]
    assert horizon == 20  # 0.8^20 is the last power above 0.01
    assert axes[0, 0].get_lines()[0].get_ydata().tolist() == [29 - horizon] * 5
    _, axes = plot.flow(given, lags=True, relative=False)
    np.testing.assert_allclose(image_of(axes[0, 0])[:, 0], norms[0, ::-1], rtol=1e-6)
    assert axes[0, 0].get_lines()[0].get_ydata().tolist() == [horizon] * 5
    names = axes[0, 0].xaxis.get_major_formatter()
    assert [names(place, 0) for place in range(5)] == ["0", "10", "20", "30", "40"]


def test_flow_at_a_step_is_a_curve_with_the_spread_of_its_samples(series):
    _, axes = plot.flow(DATA)
    rows = tb_rnngrad.flow.statistics(DATA)
    column = tb_rnngrad.flow.STATISTICS.index
    np.testing.assert_array_equal(
        axes[0, 0].get_lines()[0].get_ydata(), rows[:, column("norm_mean")]
    )
    vertices = {*np.float32(axes[0, 0].collections[0].get_paths()[0].vertices[:, 1])}
    assert {*rows[:, column("norm_p05")]} | {*rows[:, column("norm_p95")]} <= vertices
    _, axes = plot.flow(series("flow_alone"), 20, statistic="max", title="mine")
    np.testing.assert_allclose(axes[0, 0].get_lines()[0].get_ydata(), FADING[0, :, 0], rtol=1e-6)
    assert axes[0, 0].get_title() == "mine"


def test_the_flow_of_a_batch_is_drawn_not_that_of_the_kept_samples(series):
    _, axes = plot.flow(series("lstm")[0])
    rows = tb_rnngrad.flow.statistics(DATA)
    drawn = axes[0, 0].get_lines()[0].get_ydata()
    np.testing.assert_array_equal(drawn, rows[:, tb_rnngrad.flow.STATISTICS.index("norm_mean")])


def test_a_jacobian_is_a_map_of_logarithms_with_curves_of_its_rows():
    t, s = np.mgrid[:20, :20]
    decades = np.where(s <= t, -0.3 * (t - s), -np.inf).astype(np.float32)
    figure, axes = plot.jacobian(decades, rows=[5, -1])
    image = image_of(axes[0, 0])
    np.testing.assert_array_equal(image.filled(-np.inf), decades)
    assert pixel(figure, axes[0, 0], 15, 3) == "#9e9e9e"
    norm = axes[0, 0].get_images()[0].norm
    assert (norm.vmin, norm.vmax) == (decades[19, 0], 0)
    assert axes[0, 1].yaxis.get_major_ticks()[0].label1.get_visible()
    first, last = (np.asarray(line.get_ydata()) for line in axes[0, 1].get_lines())
    np.testing.assert_array_equal(last, decades[19])
    np.testing.assert_array_equal(first[:6], decades[5, :6])
    assert np.isnan(first[6:]).all()
    chosen = SequenceRecord(
        decades[[5, 19]], quantity="state_jacobian", details={"at": [5, 19], "wrt": "input"}
    )
    figure, _ = plot.jacobian(chosen, rows=[0, 1])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["exact 0", "t = 5", "t = 19"]


# --- files, and what is refused ---


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_curves_are_vectors_in_files(tmp_path, form):
    figure, _ = plot.curves(DATA[:, :, :2])
    matplotlib_settings = {"pdf.compression": 0}
    with matplotlib.rc_context(matplotlib_settings):
        figure.savefig(tmp_path / f"curves.{form}")
    content = (tmp_path / f"curves.{form}").read_bytes()
    if form == "svg":
        assert b"<image" not in content
        longest = max(re.findall(rb'<path d="([^"]+)"', content), key=len)
        assert longest.count(b"L") == 29
    else:
        assert b"/Subtype /Image" not in content
        assert content.count(b" l\n") > 8 * 29


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plot.heatmap(SequenceRecord(DATA[:, 0])),
            r"hidden-state gradient has no time axis \(shape \[4, 6\]\); plot.scatter draws it; "
            "plot.heatmap needs timesteps",
        ),
        (
            lambda: plot.curves(SequenceRecord(DATA[0], quantity="weight")),
            "weight is a matrix without a time axis, which plot.weights draws",
        ),
        (lambda: plot.flow(SequenceRecord(DATA[:, 0])), "has no time axis"),
        (
            lambda: plot.jacobian(SequenceRecord(DATA[0], quantity="weight")),
            "weight is of the quantity 'weight'; expected 'state_jacobian'",
        ),
        (lambda: plot.scatter(SequenceRecord(DATA[0], quantity="weight")), "plot.weights or"),
        (lambda: plot.heatmap(DATA, 3), "step is 3, but only a series has steps; expected None"),
        (lambda: plot.heatmap(DATA, samples=4), "sample 4 is none; expected 0 to 3"),
        (lambda: plot.heatmap(DATA, samples=[]), "samples are empty; expected at least one"),
        (lambda: plot.heatmap(DATA, reduce="sum"), "reduce is 'sum'; expected 'mean', 'mean_abs'"),
        (lambda: plot.heatmap(DATA, channel=6), "channel 6 is none; expected 0 to 5"),
        (lambda: plot.heatmap(DATA, norm="sqrt"), "norm is 'sqrt'; expected one of 'symlog'"),
        (lambda: plot.heatmap(DATA, cmap="plums"), "cmap is 'plums'; expected 'vik', 'berlin'"),
        (
            lambda: plot.heatmap(DATA, norm=LogNorm(), vmax=1),
            "norm is a LogNorm, which has its own ends; expected no vmin or vmax",
        ),
        (lambda: plot.heatmap(DATA, vmax=-1), "vmax is -1; expected a finite number above 0"),
        (lambda: plot.heatmap(DATA, vmin=9), "vmin is 9; expected a finite number below vmax"),
        (lambda: plot.heatmap(DATA, linthresh=0), "linthresh is 0; expected a finite number above"),
        (lambda: plot.heatmap(DATA, percentile=42), "percentile is 42; expected one of 100, 99.5"),
        (lambda: plot.heatmap(DATA, max_timesteps=0), "max_timesteps is 0; expected at least 1"),
        (lambda: plot.heatmap(DATA, n_rows=0), "n_rows is 0; expected at least 1"),
        (lambda: plot.heatmap(DATA, n_rows=1, n_cols=2), "is 1 x 2; expected room for 4 axes"),
        (lambda: plot.curves(DATA, channel_labels="ab"), "has 2 names; data has 6 channels"),
        (lambda: plot.curves(DATA, panels="gate"), "panels is 'gate'; expected 'channel'"),
        (lambda: plot.histogram(DATA, bins=1), "bins is 1; expected at least 2"),
        (lambda: plot.weights({}), "there are no weights to draw; expected at least one matrix"),
        (lambda: plot.flow(DATA, statistic="sum"), "statistic is 'sum'; expected one of 'norm'"),
        (lambda: plot.flow(DATA, statistic="rms", lags=True), "does not hold .* by lag"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_a_series_that_a_figure_cannot_draw_says_what_can(series):
    with pytest.raises(ValueError, match="'flow_alone' has flow statistics alone; plot.flow"):
        plot.heatmap(series("flow_alone"))
    with pytest.raises(ValueError, match="no flow of 'flow_alone' at step 7; the nearest is 10"):
        plot.flow(series("flow_alone"), 7)
    with pytest.raises(KeyError, match="no step 7 of 'lstm'; the nearest is 10"):
        plot.curves(series("lstm"), 7)


def test_the_flow_of_a_record_with_parts_has_no_lags():
    rows = tb_rnngrad.flow.statistics_of_each([DATA], [None], GROUPS)[0].rows
    logged = Flow(np.arange(1), rows[np.newaxis], tb_rnngrad.flow.STATISTICS)
    with pytest.raises(ValueError, match=r"expected the flow of one of series.parts"):
        plot.flow(logged, lags=True)
