"""What is quoted from another library's error: the sentence that matters, and no more."""

from __future__ import annotations

import logging
import warnings

import pytest
import tensorflow as tf

from tb_rnngrad._capture.messages import in_a_sentence, tell

IN_USER_CODE = """in user code:

    File "/lib/tf_keras/src/engine/training.py", line 1398, in train_function  *
        return step_function(self, iterator)
    File "/home/me/tb_rnngrad/keras/_taps.py", line 257, in call
        raise NotImplementedError(

    NotImplementedError: Exception encountered when calling layer 'lstm' (type LSTM).
    
    layer 'lstm' is given a RaggedTensor; expected a padded batch, with a mask
    
    Call arguments received by layer 'lstm' (type LSTM):
      • inputs=tf.RaggedTensor(values=Tensor("x:1", shape=(None, 3), dtype=float32))
"""  # noqa: W293 - as TensorFlow has it

OF_A_GRAPH = """Graph execution error:

Detected at node functional_1/op/CheckNumerics defined at (most recent call last):
  File "/home/me/train.py", line 32, in <module>

  File "/home/me/train.py", line 30, in call

not finite here : Tensor had NaN values
\t [[{{node functional_1/op/CheckNumerics}}]] [Op:__inference_multi_step_on_iterator_1527]"""

OF_KERAS_3 = """Exception encountered when calling Bad.call().

\x1b[1mthe sentence that matters\x1b[0m

Arguments received by Bad.call():
  • x=tf.Tensor(shape=(None, 3), dtype=float32)"""


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        (
            IN_USER_CODE,
            "layer 'lstm' is given a RaggedTensor; expected a padded batch, with a mask",
        ),
        (OF_A_GRAPH, "not finite here : Tensor had NaN values"),
        (OF_KERAS_3, "the sentence that matters"),
        ("data has shape (2, 0, 2)", "data has shape (2, 0, 2)"),
        ("File lost.txt is missing", "File lost.txt is missing"),
        ("", "ValueError"),
    ],
)
def test_only_the_sentence_that_matters_is_quoted(said, quoted):
    assert in_a_sentence(ValueError(said)) == quoted


def test_a_real_graph_error_is_quoted_by_its_sentence():
    @tf.function
    def fail(x):
        tf.debugging.assert_less(x, 0.0, message="this is what went wrong")
        return x

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        fail(tf.constant(1.0))
    said = in_a_sentence(caught.value)
    assert "this is what went wrong" in said
    assert "File" not in said


def test_a_message_is_logged_if_warnings_are_errors(caplog):
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        tell("the disk is full")
    assert [record.getMessage() for record in caplog.records] == ["the disk is full"]
