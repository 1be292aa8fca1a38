"""Ids of samples, labels of timesteps and the kept samples travel with the record."""

import dataclasses
import json

import numpy as np
import pytest
from events import event, write

import tb_rnngrad
from tb_rnngrad import SequenceRecord, summary
from tb_rnngrad.events import blobs
from tb_rnngrad.events.metadata import FormatError, Metadata
from tb_rnngrad.record import SequenceRecord as Record

SAMPLES, TIMESTEPS, UNITS = 6, 5, 3
IDS = ("a", 7, "c/3", "ünï", 10**12, "f")
TOKENS = tuple(tuple(f"{word}{t}" for t in range(TIMESTEPS)) for word in "uvwxyz")


def data():
    """The norms of the samples ascend, but for the last one, which is the smallest."""
    return np.ones((SAMPLES, TIMESTEPS, UNITS)) * np.array([2, 3, 4, 5, 6, 1.0])[:, None, None]


def logged(folder, *args, **options):
    with tb_rnngrad.SummaryWriter(folder) as writer:
        writer.add_sequence("tag", *args, 4, **options)
    return tb_rnngrad.read(folder)[-1]


def test_ids_and_labels_come_back_as_they_went(tmp_path):
    found = logged(tmp_path, data(), ids=IDS, labels=TOKENS, max_outputs=3)
    assert found.ids == IDS, "of the whole batch"
    assert found.kept_ids == IDS[:3]
    assert found.labels == TOKENS[:3]
    assert found.samples is None


def test_one_list_of_labels_names_the_timesteps_of_all_samples(tmp_path):
    found = logged(tmp_path, data(), labels=["jan", "feb", "mar", "apr", "may"])
    assert found.labels == ("jan", "feb", "mar", "apr", "may")


def test_labels_of_padding_may_be_left_out_and_token_ids_become_text():
    record = SequenceRecord(data()[:2], labels=[[5, 6], np.arange(5)])
    assert record.labels == (("5", "6", "", "", ""), ("0", "1", "2", "3", "4"))


def test_a_record_without_names_has_none(tmp_path):
    found = logged(tmp_path, data())
    assert (found.ids, found.labels, found.samples, found.window) == (None, None, None, None)
    assert found.kept_ids is None


def test_the_largest_samples_are_kept_with_their_place_ids_and_labels(tmp_path):
    mask = np.ones((SAMPLES, TIMESTEPS), bool)
    values = data()
    mask[1, 1:] = False
    values[1, 1:] = 1e9  # padding does not make it the largest
    found = logged(
        tmp_path, values, ids=IDS, labels=TOKENS, mask=mask, max_outputs=3, keep="largest"
    )
    assert found.samples == (2, 3, 4)
    assert found.kept_ids == ("c/3", "ünï", 10**12)
    assert found.labels == TOKENS[2:5]
    np.testing.assert_array_equal(found.data[:, 0, 0], [4, 5, 6])
    np.testing.assert_array_equal(found.mask, mask[2:5])
    assert found.batch_size == SAMPLES
    assert found.flow[0, tb_rnngrad.flow.STATISTICS.index("real_samples")] == SAMPLES


def test_a_broken_sample_counts_as_the_largest(tmp_path):
    values = data()
    values[5, 2, 1] = np.nan
    assert logged(tmp_path, values, max_outputs=2, keep="largest").samples == (4, 5)


def test_random_samples_are_the_same_for_all_tags_of_a_step(tmp_path):
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        for step in range(8):
            for tag in "ab":
                writer.add_sequence(tag, data(), step, max_outputs=2, keep="random")
    first, second = (tb_rnngrad.read(tmp_path, tag=tag) for tag in "ab")
    assert [one.samples for one in first] == [one.samples for one in second]
    assert len({one.samples for one in first}) > 1
    for one in first:
        np.testing.assert_array_equal(one.data, data()[[*one.samples]])


def test_all_samples_are_kept_if_there_is_room_for_them(tmp_path):
    found = logged(tmp_path, data(), max_outputs=SAMPLES, keep="largest")
    assert (found.samples, len(found.data)) == (None, SAMPLES)


def test_a_record_that_was_cut_before_keeps_its_places(tmp_path):
    cut = SequenceRecord(data()[2:5], ids=IDS, samples=(2, 3, 4), batch_size=SAMPLES)
    found = logged(tmp_path, cut, max_outputs=1, keep="largest")
    assert (found.samples, found.kept_ids) == ((4,), (10**12,))


def test_the_window_of_truncation_belongs_to_the_tag(tmp_path):
    found = logged(tmp_path, data(), window=32)
    assert found.window == 32
    assert tb_rnngrad.read(tmp_path).metadata.window == 32
    assert tb_rnngrad.read(tmp_path).metadata.to_json()["window"] == 32


def test_what_version_1_0_wrote_can_be_read(tmp_path):
    earlier = summary.sequence_pb("tag", data())
    for value in earlier.value:
        fields = json.loads(value.metadata.plugin_data.content)
        assert fields["version"] == "1.1"
        del fields["checksum"]
        content = json.dumps(fields | {"version": "1.0"}).encode()
        assert Metadata.from_content(content).window is None
        value.metadata.plugin_data.content = content
    write(tmp_path, event(3, earlier))
    found = tb_rnngrad.read(tmp_path)[-1]
    np.testing.assert_array_equal(found.data, data()[:4])
    assert found.ids is None


@pytest.mark.parametrize(
    "fields, error, said",
    [
        ({"ids": "ab"}, ValueError, "ids has 1 ids; the batch has 6 samples"),
        ({"ids": [1, 2]}, ValueError, "ids has 2 ids; the batch has 6 samples"),
        ({"ids": [1.5] * 6}, TypeError, r"ids has 1.5 \(float\); expected strings or integers"),
        ({"labels": [["a"]] * 5}, ValueError, "labels has 5 lists; the record has 6 samples"),
        ({"labels": ["a"] * 7}, ValueError, "labels has 7 labels in a list; .* has 5 timesteps"),
        ({"window": 0}, ValueError, "window is 0; expected at least 1 timestep"),
        ({"samples": (3, 2, 1, 0, 4, 5)}, ValueError, "expected 6 ascending places in a batch of"),
        (
            {"ids": [1, 2], "quantity": "weight", "data": np.ones((2, 2))},
            ValueError,
            "'weight' is a matrix",
        ),
    ],
)
def test_names_that_do_not_fit_are_refused(fields, error, said):
    with pytest.raises(error, match=said):
        SequenceRecord(**{"data": data(), **fields})


def norms_of(values, mask):
    found = np.sqrt((values**2).sum(axis=2))
    return np.where(mask, found, np.nan)


def test_the_norms_of_all_samples_come_back_in_bfloat16(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=data().shape) * 10.0 ** rng.integers(-30, 30, (SAMPLES, 1, 1))
    mask = np.arange(TIMESTEPS) < np.array([5, 4, 3, 2, 1, 5])[:, None]
    found = logged(tmp_path, values.astype(np.float32), mask=mask, max_outputs=1, norms=True)
    assert (found.norms.shape, found.norms.dtype) == ((SAMPLES, TIMESTEPS), np.float32)
    np.testing.assert_allclose(found.norms, norms_of(values, mask), rtol=2**-8)
    assert logged(tmp_path / "without", values).norms is None


def test_norms_that_are_too_many_or_of_a_part_are_refused(tmp_path):
    with pytest.raises(ValueError, match="66000 numbers; expected at most 65536"):
        logged(tmp_path, np.ones((660, 100, 1)), norms=True)
    cut = SequenceRecord(data()[:2], batch_size=SAMPLES)
    with pytest.raises(ValueError, match="norms need all samples of a batch"):
        summary.sequence_pb("tag", cut, norms=True)
    with pytest.raises(ValueError, match=r"norms has shape \(2, 5\); expected \(6, 5\)"):
        SequenceRecord(data(), norms=np.ones((2, 5)))


def test_an_unknown_rule_is_refused(tmp_path):
    with pytest.raises(ValueError, match="keep is 'last'; expected one of first, largest, random"):
        logged(tmp_path, data(), keep="last")
    with pytest.raises(ValueError, match="ids was given beside a SequenceRecord"):
        logged(tmp_path, SequenceRecord(data()), ids=IDS)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"ids": IDS[:5]}, "the header has 5 ids of 6 samples"),
        ({"labels": TOKENS[:2]}, "the header has 2 lists of labels"),
        ({"labels": ("a", TOKENS[0])}, "mixes labels of timesteps with lists"),
        ({"samples": (0, 9, 3)}, "expected 3 ascending places"),
        ({"samples": (1, 2)}, "expected 3 ascending places"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(change, said):
    (first, *_) = blobs.encode(Record(data(), ids=IDS, labels=TOKENS), 3)
    header = blobs.decode_header(first)
    assert header.labels == TOKENS[:3]
    with pytest.raises(FormatError, match=said):
        dataclasses.replace(header, **change).check_own_agreement()


def test_damaged_names_are_refused():
    (first, *_) = blobs.encode(Record(data(), ids=IDS), 3)
    assert blobs.decode_header(first).ids == IDS
    with pytest.raises(FormatError, match="the header's ids cannot be read"):
        blobs._names(np.frombuffer(b'[1.5,"a"]', np.uint8), tuple[str | int, ...], "ids")


@pytest.mark.parametrize("traced", [False, True])
def test_the_tensorflow_op_carries_them(tmp_path, traced):
    tf = pytest.importorskip("tensorflow")

    def log(values, ids, labels):
        return summary.sequence(
            "tag",
            values,
            4,
            **{"ids": ids, "labels": labels, "window": 9, "norms": True},
            **{"keep": "largest", "max_outputs": 2},
        )

    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        run = tf.function(log) if traced else log
        run(tf.constant(data(), tf.float32), tf.constant([*map(str, IDS)]), tf.constant(TOKENS))
    found = tb_rnngrad.read(tmp_path)[-1]
    assert found.ids == tuple(map(str, IDS))
    assert (found.samples, found.window) == ((3, 4), 9)
    assert found.labels == TOKENS[3:5]
    np.testing.assert_allclose(found.norms, norms_of(data(), True), rtol=2**-8)


def test_the_tensorflow_op_takes_lists_of_different_lengths(tmp_path):
    tf = pytest.importorskip("tensorflow")
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        labels = [["a"], ["b", "c"], [], ["d"], ["e"], ["f"]]
        summary.sequence("tag", data().astype("float32"), 4, ids=[1, 2, 3, 4, 5, 6], labels=labels)
    found = tb_rnngrad.read(tmp_path)[-1]
    assert found.ids == (1, 2, 3, 4, 5, 6)
    assert found.labels[:2] == (("a", "", "", "", ""), ("b", "c", "", "", ""))


class TestPyTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    def trained(self, torch, folder, batches=1, **options):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.LSTM(UNITS, 4, batch_first=True))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        logger = tb_rnngrad.torch.GradientLogger(folder, model, optimizer, update_freq=2, **options)
        with logger:
            for step in range(4):
                for part in range(batches):
                    x = torch.full((SAMPLES // batches, TIMESTEPS, UNITS), step + 0.1 * part)
                    model(x)[0].sum().backward()
                optimizer.step()
        return tb_rnngrad.read(folder)

    def test_functions_get_what_the_module_is_called_with(self, torch, tmp_path):
        series = self.trained(
            torch,
            tmp_path,
            ids=lambda x: [f"{x[0, 0, 0]:.0f}-{i}" for i in range(len(x))],
            labels=lambda x: [f"t{t}" for t in range(x.shape[1])],
        )
        assert [one.kept_ids[:2] for one in series] == [("0-0", "0-1"), ("2-0", "2-1")]
        assert series[-1].labels == ("t0", "t1", "t2", "t3", "t4")

    def test_the_names_of_accumulated_batches_are_joined(self, torch, tmp_path):
        series = self.trained(
            torch, tmp_path, 2, ids=lambda x: [f"{x[0, 0, 0]:.1f}-{i}" for i in range(len(x))]
        )
        assert series[-1].ids == ("2.0-0", "2.0-1", "2.0-2", "2.1-0", "2.1-1", "2.1-2")

    def test_lists_name_every_batch_and_the_largest_are_kept(self, torch, tmp_path):
        series = self.trained(torch, tmp_path, ids=IDS, keep="largest", max_outputs=2)
        assert series[-1].ids == IDS
        assert len(series[-1].data) == len(series[-1].samples) == 2
        assert series[-1].norms is None

    def test_the_norms_of_all_samples_are_logged(self, torch, tmp_path):
        record = self.trained(torch, tmp_path, norms=True, max_outputs=6)[-1]
        np.testing.assert_allclose(record.norms, norms_of(record.data, True), rtol=2**-8)

    def test_names_that_fit_nothing_are_told_of_and_left_out(self, torch, tmp_path):
        with pytest.warns(
            RuntimeWarning, match="ids has 5 ids, which fits no record .6 samples of 5"
        ):
            series = self.trained(torch, tmp_path, ids=IDS[:5])
        assert series[-1].ids is None

    def test_a_function_that_fails_ends_logging_and_not_training(self, torch, tmp_path):
        with (
            pytest.warns(RuntimeWarning, match="logs no more, training goes on"),
            pytest.raises(ValueError, match="no run"),
        ):
            self.trained(torch, tmp_path, ids=lambda x: x.names_of_its_samples)


def test_keras_names_the_probe_batch(tmp_path):
    keras = pytest.importorskip("keras")
    x, y = data().astype("float32") * 0.1, np.ones((SAMPLES, 1))
    model = keras.Sequential([keras.Input((TIMESTEPS, UNITS)), keras.layers.SimpleRNN(4)])
    model.compile("sgd", "mse")
    log = tb_rnngrad.keras.GradientLogger
    callback = log(
        tmp_path,
        data=(x, y),
        ids=IDS,
        labels=lambda x: [[f"{value:.1f}" for value in one[:, 0]] for one in x],
        keep="largest",
        max_outputs=2,
        norms=True,
    )
    model.fit(x, y, verbose=0, callbacks=[callback])
    found = tb_rnngrad.read(tmp_path)[-1]
    assert found.ids == IDS
    assert len(found.samples) == 2
    chosen = norms_of(found.data, True)
    np.testing.assert_allclose(found.norms[[*found.samples]], chosen, rtol=2**-8)
    assert found.labels == tuple((f"{x[s, 0, 0]:.1f}",) * TIMESTEPS for s in found.samples)
    with pytest.raises(ValueError, match="ids and labels name the samples of data="):
        log(tmp_path, ids=IDS)
