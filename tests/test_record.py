"""The record: which input it accepts or refuses, its error messages, and its form on disk."""

import contextlib
import json
import struct

import google_crc32c
import ml_dtypes
import numpy as np
import pytest

from tb_rnngrad import SequenceRecord, quantities
from tb_rnngrad.events.blobs import decode_header, decode_sample, encode
from tb_rnngrad.events.metadata import FormatError, Metadata

RNG = np.random.default_rng(0)


def data(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def round_trip(whole, **options):
    blobs = encode(whole, **options)
    return decode_header(blobs[0]), [decode_sample(blob) for blob in blobs[1:]]


def test_a_record_comes_back_as_it_was_logged():
    values = data(5, 7, 3)
    mask = RNG.random((5, 7)) > 0.5
    header, samples = round_trip(SequenceRecord(values, mask), max_outputs=4)
    assert header.shape == (5, 7, 3)
    assert (header.kept, header.batch, header.dtype) == (4, 5, "float32")
    np.testing.assert_array_equal(header.mask, mask[:4])
    np.testing.assert_array_equal(np.stack(samples), values[:4])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {
                "data": np.ones((2, 3, 4), np.float32),
                "mask": [1, 3],
                "channel_groups": {"forward": 2, "backward": 2},
                "layer": "lstm\n1",
                "batch_size": 8,
            },
            "<SequenceRecord hidden_state_gradient of 'lstm\\n1': 2 x 3 x 4 (samples x timesteps x "
            "channels) float32, 2 of 6 timesteps padding, of a batch of 8, channels forward 2 + "
            "backward 2>",
        ),
        (
            {"data": np.ones((2, 4)), "quantity": "output_gradient", "direction": "backward"},
            "<SequenceRecord output_gradient: 2 x 4 (samples x channels) float64, backward>",
        ),
        (
            {
                "data": np.ones((9, 20)),
                "quantity": "state_jacobian",
                "layer": "rnn",
                "details": {"at": list(range(9)), "wrt": "state"},
            },
            "<SequenceRecord state_jacobian of 'rnn': 9 x 20 (rows x channels) float64, "
            "at=[0, 1, 2, 3, 4, 5, ...], wrt='state'>",
        ),
    ],
)
def test_the_repr_is_one_line_without_values(arguments, expected):
    assert repr(SequenceRecord(**arguments)) == expected


def test_nan_and_inf_are_kept_bit_for_bit():
    values = data(1, 4, 3)
    values[0, 0] = np.nan, np.inf, -np.inf
    header, samples = round_trip(SequenceRecord(values))
    np.testing.assert_array_equal(samples[0].view(np.uint32), values[0].view(np.uint32))
    assert header.extremes[0].tolist() == [values[0, 1:].min(), values[0, 1:].max()]


def test_bfloat16_halves_the_bytes_and_keeps_three_digits():
    values = data(2, 100, 10) * 1e-30
    whole = SequenceRecord(values)
    _, samples = round_trip(whole, dtype="bfloat16")
    assert samples[0].dtype == ml_dtypes.bfloat16
    np.testing.assert_allclose(samples[0].astype(np.float32), values[0], rtol=2**-8)
    full, half = encode(whole), encode(whole, dtype="bfloat16")
    assert len(half[1]) < 0.6 * len(full[1])


def test_values_lost_in_a_narrower_dtype_are_counted():
    values = np.array([[[1e-60, 0.0, 1e60, np.inf, 1.0]]])
    header, samples = round_trip(SequenceRecord(values))
    assert samples[0].tolist() == [[0, 0, np.inf, np.inf, 1]]
    assert (header.flushed, header.overflowed) == (1, 1)


def test_lengths_become_a_mask():
    whole = SequenceRecord(data(3, 4, 2), mask=np.array([4, 0, 2]))
    assert whole.mask.tolist() == [[True] * 4, [False] * 4, [True, True, False, False]]


def test_a_record_without_a_time_axis_keeps_one_value_per_channel():
    values = data(6, 3)
    header, samples = round_trip(SequenceRecord(values, quantity="output_gradient"))
    assert header.shape == (6, 3)
    assert samples[0].shape == (1, 3)
    np.testing.assert_array_equal(np.concatenate(samples), values[:4])


def test_a_matrix_is_one_sample_with_all_its_rows():
    values = data(9, 12)
    header, samples = round_trip(SequenceRecord(values, quantity="weight_gradient"))
    assert (header.kept, header.batch) == (1, 1)
    np.testing.assert_array_equal(samples[0], values)


def test_numpy_treats_a_record_as_an_array():
    values = data(2, 3, 4)
    whole = SequenceRecord(values)
    assert np.asarray(whole) is values
    np.testing.assert_array_equal(np.abs(whole), np.abs(values))
    assert np.array(whole, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": data(3)}, ValueError, r"data has rank 1; expected \[samples, timesteps, chan"),
        ({"data": data(1, 2, 3, 4)}, ValueError, "data has rank 4; expected"),
        ({"data": np.ones((2, 3, 4), int)}, TypeError, "data has dtype int64; expected floating"),
        ({"data": np.ones((2, 3), complex)}, TypeError, "data has dtype complex128; expected"),
        ({"data": [["a", "b"]]}, TypeError, "data has dtype <U1; expected floating point"),
        ({"data": data(0, 3, 4)}, ValueError, r"shape \(0, 3, 4\), which holds no value"),
        ({"data": data(2, 0, 4)}, ValueError, r"shape \(2, 0, 4\), which holds no value"),
        (
            {"data": data(2, 3, 4), "mask": np.ones((3, 2), bool)},
            ValueError,
            r"mask has shape \(3, 2\); expected \[samples, timesteps\] = \(2, 3\)",
        ),
        (
            {"data": data(2, 3, 4), "mask": np.array([3, 4])},
            ValueError,
            "mask gives the length 4; expected 0 to 3 timesteps",
        ),
        (
            {"data": data(2, 3, 4), "mask": np.array([3])},
            ValueError,
            "mask gives 1 lengths; data has 2 samples",
        ),
        (
            {"data": data(2, 3, 4), "mask": np.full((2, 3), 0.5)},
            TypeError,
            "mask has dtype float64 and values other than 0 and 1; expected bool",
        ),
        (
            {"data": data(2, 4), "mask": np.ones((2, 4), bool)},
            ValueError,
            r"data of shape \(2, 4\) has no time axis, so it takes no mask",
        ),
        (
            {"data": data(2, 3, 4), "channel_groups": {"i": 2, "f": 1}},
            ValueError,
            r"channel_groups {'i': 2, 'f': 1} name 3 channels; data has 4",
        ),
        (
            {"data": data(2, 3, 4), "channel_groups": {"i": 4, "f": 0}},
            ValueError,
            "channel group 'f' has 0 channels; expected 1+",
        ),
        (
            {"data": data(2, 3, 4), "quantity": "gradient"},
            ValueError,
            "unknown quantity 'gradient'; expected one of hidden_state_gradient, cell_state",
        ),
        (
            {"data": data(2, 3, 4), "quantity": "weight"},
            ValueError,
            r"data of quantity 'weight' has rank 3; expected \[rows, channels\]",
        ),
    ],
)
def test_bad_input_is_refused_with_the_reason(arguments, error, message):
    with pytest.raises(error, match=message):
        SequenceRecord(**arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_outputs": 0}, "max_outputs is 0; expected at least 1"),
        ({"dtype": "float16"}, r"dtype is 'float16' \(float16 turns gradients under 6e-8 into 0\)"),
        ({"dtype": "int8"}, "dtype is 'int8'; expected 'float32' or 'bfloat16'"),
    ],
)
def test_bad_options_are_refused_with_the_reason(options, message):
    with pytest.raises(ValueError, match=message):
        encode(SequenceRecord(data(1, 2, 3)), **options)


def test_every_flipped_bit_is_noticed():
    _, blob = encode(SequenceRecord(data(1, 4, 2)))
    for byte in range(len(blob)):
        damaged = bytearray(blob)
        damaged[byte] ^= 1
        with pytest.raises(FormatError):
            decode_sample(bytes(damaged))


@pytest.mark.parametrize("blob", [b"", b"RNNG", b"something else altogether"])
def test_foreign_bytes_are_refused_with_the_reason(blob):
    with pytest.raises(FormatError, match="not a tb_rnngrad blob"):
        decode_sample(blob)


def test_a_sample_and_a_header_are_not_mistaken_for_each_other():
    header, sample = encode(SequenceRecord(data(1, 4, 2)))
    with pytest.raises(FormatError, match="is a sample, not a record's header"):
        decode_header(sample)
    with pytest.raises(FormatError, match="is a record's header, not a sample"):
        decode_sample(header)


def test_the_layout_is_the_documented_one():
    values = data(1, 4, 2)
    _, blob = encode(SequenceRecord(values))
    magic, checksum, length = struct.unpack_from("<4sII", blob)
    assert magic == b"RNNG"
    assert checksum == google_crc32c.value(blob[8:])
    described = json.loads(blob[12 : 12 + length])
    assert described == {"arrays": {"data": {"dtype": "float32", "shape": [4, 2]}}}
    assert (12 + length) % 8 == 0
    np.testing.assert_array_equal(np.frombuffer(blob[12 + length :], "<f4"), values.ravel())


def test_metadata_comes_back_as_it_was_written():
    meta = Metadata("gate_gradient", "lstm", "keras", {"i": 2, "f": 2}, ("norm_mean",))
    assert Metadata.from_content(meta.to_content()) == meta


@pytest.mark.parametrize(
    ("details", "symbol"),
    [
        (None, "log10 |dh_t/dx_s|"),
        ({"wrt": "input", "norm": "fro"}, "log10 |dh_t/dx_s|_F"),
        ({"wrt": "state", "norm": "sum"}, "log10 |d sum(h_t)/dh_s|"),
        ({"wrt": "state", "norm": "spectral"}, "log10 |dh_t/dh_s|_2"),
        ({"wrt": ["state"], "norm": {}}, "log10 |dh_t/dx_s|"),  # from some other writer
    ],
)
def test_a_jacobians_symbol_depends_on_its_details(details, symbol):
    assert quantities.symbol_of("state_jacobian", details) == symbol
    assert quantities.symbol_of("hidden_state_gradient", details) == "dL/dh_t"


def test_no_flipped_bit_changes_metadata_unnoticed():
    groups, details = {"i": 2, "f": 2}, {"wrt": "input", "eps": 0.1}
    meta = Metadata("activation", "lstm", None, groups, ("rms", "é"), "backward", details, "a/b")
    content = bytearray(meta.to_content())
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(FormatError):
            assert Metadata.from_content(bytes(content)) == meta
        content[bit // 8] ^= 1 << bit % 8


def test_the_checksum_of_metadata_does_not_depend_on_the_json_layout():
    meta = Metadata("activation", "lstm")
    laid_out = json.dumps(json.loads(meta.to_content()), indent=2, sort_keys=True).encode()
    assert Metadata.from_content(laid_out) == meta
    with pytest.raises(FormatError, match="the tag's metadata are damaged: their checksum is"):
        Metadata.from_content(laid_out.replace(b'"lstm"', b'"lstn"'))


def test_an_unknown_major_version_is_refused_with_the_reason():
    with pytest.raises(FormatError, match=r"written in record format 2\.3; this tb_rnngrad reads"):
        Metadata.from_content(b'{"version": "2.3"}')


def test_a_newer_minor_version_is_read():
    content = json.loads(Metadata("activation").to_content()) | {"version": "1.9", "new": 1}
    del content["checksum"]  # the old one would no longer match
    assert Metadata.from_content(json.dumps(content).encode()).quantity == "activation"


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b"3"])
def test_foreign_plugin_content_is_refused_with_the_reason(content):
    with pytest.raises(FormatError, match="plugin content is not tb_rnngrad's"):
        Metadata.from_content(content)
