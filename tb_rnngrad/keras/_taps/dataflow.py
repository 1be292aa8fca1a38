"""Reads from the graph of one step of a cell which of its results is which state.

Every tensor gets a number. Two tensors have the same number if the graph computes both by the same
operations from the same inputs ("value numbering"). A copy has the number of its original, and the
result of a tf.function has the number of the tensor inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad.keras._tensorflow import OWN_GRADIENT, called_graph

_CALLS: Final = frozenset(("PartitionedCall", "StatefulPartitionedCall"))
_BRANCHING: Final = frozenset(
    ("If", "StatelessIf", "Case", "StatelessCase", "While", "StatelessWhile")
)
_PURE_THOUGH_STATEFUL: Final = frozenset(("ReadVariableOp", "VarHandleOp", *_CALLS))

Number = int


@dataclass(frozen=True)
class _Node:
    """One operation, in the graph or in a function that the graph calls."""

    results: Sequence[Number]
    arguments: Sequence[Number]
    is_branching: bool


@dataclass
class Dataflow:
    """The numbers of all tensors in a graph, and what each is computed from.

    Attributes:
        calls_functions: whether the graph calls any tf.function.
        sealed: numbers of values that are both computed and read inside a called function.
    """

    calls_functions: bool = False
    sealed: set[Number] = field(default_factory=set)
    _numbers: dict[Any, Number] = field(default_factory=dict)
    _sources: set[Number] = field(default_factory=set)
    _top: dict[str, Number] = field(default_factory=dict)
    _made: list[tf.Tensor] = field(default_factory=list)
    _nodes: list[_Node] = field(default_factory=list)

    @classmethod
    def of(cls, graph: Any) -> Dataflow:
        """Return the dataflow of the graph of a tf.function, or of a similar graph."""
        flow = cls()
        flow._number_graph(graph, {}, flow._top, is_called=False)
        flow._made = [
            tensor
            for operation in graph.get_operations()
            if not _is_copy(operation)
            for tensor in operation.outputs
        ]
        return flow

    def number(self, tensor: tf.Tensor) -> Number:
        """Return the number of a tensor in the graph itself."""
        return self._top[tensor.name]

    def is_source(self, number: Number) -> bool:
        """Return whether the number belongs to an input of the graph."""
        return number in self._sources

    def origins(self, number: Number) -> list[tf.Tensor]:
        """Return the tensors of the graph itself with this number, without copies."""
        return [tensor for tensor in self._made if self.number(tensor) == number]

    def reads(self, number: Number, of: Sequence[Number]) -> set[Number]:
        """Return which of the numbers `of` a result is directly computed from.

        Numbers that reach the result only through another one of them do not count, nor does the
        graph's input.
        """
        wanted = set(of) - self._sources
        made_of: dict[Number, set[Number]] = {}
        for node in self._nodes:
            found: set[Number] = set()
            for argument in node.arguments:
                found |= {argument} if argument in wanted else made_of.get(argument, set())
            for result in node.results:
                made_of.setdefault(result, set()).update(found)
        return made_of.get(number, set())

    def may_be_one(self, number: Number, other: Number) -> bool:
        """Return whether both come out of one branch or loop, so that they may be the same."""
        return number != other and any(
            node.is_branching and number in node.results and other in node.results
            for node in self._nodes
        )

    def _number_graph(
        self, graph: Any, given: Mapping[str, Number], numbers: dict[str, Number], is_called: bool
    ) -> None:
        """Number the tensors of a graph by name; `given` holds the numbers of its inputs."""
        made_here: set[str] = set()
        for operation in graph.get_operations():
            arguments = [numbers[tensor.name] for tensor in operation.inputs]
            results = [tensor.name for tensor in operation.outputs]
            if operation.type == "Placeholder":
                name = results[0]
                numbers[name] = given[name] if name in given else self._new_source(name)
                continue
            if _is_copy(operation):
                numbers[results[0]] = arguments[0]
                if operation.inputs[0].name in made_here:
                    made_here.add(results[0])
                continue
            made_here.update(results)
            if is_called:
                read = (tensor.name for tensor in operation.inputs)
                self.sealed.update(numbers[name] for name in read if name in made_here)
            if operation.type in _CALLS:
                self.calls_functions = True
                numbers.update(zip(results, self._number_call(operation, arguments), strict=True))
                continue
            key = self._key(operation, arguments)
            for index, name in enumerate(results):
                numbers[name] = self._intern((key, index))
            own = [numbers[name] for name in results]
            self._nodes.append(_Node(own, arguments, operation.type in _BRANCHING))

    def _number_call(self, operation: Any, arguments: Sequence[Number]) -> list[Number]:
        """Return the numbers of a function's results, inside its body."""
        body = called_graph(operation)
        inside: dict[str, Number] = {}
        names = [tensor.name for tensor in body.inputs]
        given = dict(zip(names, arguments, strict=True))
        self._number_graph(body, given, inside, is_called=True)
        return [inside[tensor.name] for tensor in body.outputs]

    def _key(self, operation: Any, arguments: Sequence[Number]) -> Any:
        definition = operation.op_def
        if definition.is_stateful and operation.type not in _PURE_THOUGH_STATEFUL:
            return (len(self._nodes),)  # unique, as it draws random numbers or has an effect
        attributes = operation.node_def.attr
        telling = (name for name in attributes if name == OWN_GRADIENT or name[0] != "_")
        known = sorted((name, attributes[name].SerializeToString()) for name in telling)
        return (operation.type, tuple(known), tuple(arguments))

    def _new_source(self, name: str) -> Number:
        number = self._intern(name)
        self._sources.add(number)
        return number

    def _intern(self, key: Any) -> Number:
        return self._numbers.setdefault(key, len(self._numbers))


def _is_copy(operation: Any) -> bool:
    return operation.type == "Identity" and OWN_GRADIENT not in operation.node_def.attr
