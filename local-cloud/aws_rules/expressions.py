"""Checks a JSONata expression against what Step Functions evaluates.

Source: Step Functions developer guide, "Transforming data with JSONata" and "Passing data between states with variables".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata

# JSONata 2.0.6 without what Step Functions leaves out ($eval), and with what it adds.
FUNCTIONS = frozenset(
    [
        "string",
        "length",
        "substring",
        "substringBefore",
        "substringAfter",
        "uppercase",
        "lowercase",
        "trim",
        "pad",
        "contains",
        "split",
        "join",
        "match",
        "replace",
        "base64encode",
        "base64decode",
        "encodeUrlComponent",
        "encodeUrl",
        "decodeUrlComponent",
        "decodeUrl",
        "number",
        "abs",
        "floor",
        "ceil",
        "round",
        "power",
        "sqrt",
        "random",
        "formatNumber",
        "formatBase",
        "formatInteger",
        "parseInteger",
        "sum",
        "max",
        "min",
        "average",
        "boolean",
        "not",
        "exists",
        "count",
        "append",
        "sort",
        "reverse",
        "shuffle",
        "distinct",
        "zip",
        "keys",
        "lookup",
        "spread",
        "merge",
        "sift",
        "each",
        "error",
        "assert",
        "type",
        "now",
        "millis",
        "fromMillis",
        "toMillis",
        "map",
        "filter",
        "single",
        "reduce",
        "partition",
        "range",
        "hash",
        "random",
        "uuid",
        "parse",
    ]
)
_VARIABLE = re.compile(r"[^\W\d]\w*")
LONGEST_VARIABLE = 80


def is_variable(name: str) -> bool:
    return bool(_VARIABLE.fullmatch(name)) and len(name) <= LONGEST_VARIABLE and name != "states"


def problems(expression: str, of_states: set[str], assigned: frozenset[str] | None) -> Iterator[str]:
    """`of_states`: what the place may read of `$states`. `assigned`: the variables that there may be when it is evaluated; where
    nothing is said of them, any is taken."""
    try:
        tree = Jsonata(expression).ast
    except JException as error:
        yield f"no JSONata ({error}): {expression.strip()}"
        return
    for problem in _Reader(of_states, assigned).read(tree, frozenset(), at_root=True):
        yield f"{problem}: {expression.strip()}"


@dataclass(frozen=True)
class _Reader:
    of_states: set[str]
    assigned: frozenset[str] | None

    def read(self, node: object, bound: frozenset[str], at_root: bool) -> Iterator[str]:
        """`bound`: the names that the expression itself has given. `at_root`: the node is evaluated outside of any value, where
        Step Functions has no input."""
        if isinstance(node, (list, tuple)):
            for each in node:
                yield from self.read(each, bound, at_root)
            return
        match getattr(node, "type", None):
            case None | "regex":
                return
            case "path":
                yield from self._path(node.steps, bound, at_root)
            case "name" if at_root:
                yield f"{node.value} without $ refers to an input that is not there"
            case "variable" if not self._is_there(node.value, bound):
                yield f"no state assigns ${node.value}"
            case "function" | "partial":
                if node.procedure.type != "variable":
                    yield from self.read(node.procedure, bound, at_root)
                elif node.procedure.value not in FUNCTIONS | bound:
                    yield f"Step Functions has no ${node.procedure.value}"
                yield from self.read(node.arguments, bound, at_root)
            case "lambda":
                yield from self.read(node.body, bound | {argument.value for argument in node.arguments}, at_root)
            case "bind":
                yield from self.read(node.rhs, bound, at_root)
            case "block":
                bound |= {each.lhs.value for each in node.expressions if each.type == "bind"}
                yield from self.read(node.expressions, bound, at_root)
            case _:
                for part in "lhs", "rhs", "expression", "expressions", "condition", "then", "_else", "lhs_object":
                    yield from self.read(getattr(node, part, None), bound, at_root)
        # Filters, orders, groups and transformations look at each value.
        for part in "stages", "predicate", "expr", "terms", "group", "pattern", "update", "delete":
            yield from self.read(getattr(node, part, None), bound, at_root=False)

    def _path(self, steps: list, bound: frozenset[str], at_root: bool) -> Iterator[str]:
        first, *rest = steps
        yield from self.read(first, bound, at_root)
        if first.type == "variable" and first.value == "states" and rest and rest[0].value not in self.of_states:
            yield f"$states.{rest[0].value} is not there in this place"
        # By `@` and `#` a step names what it found.
        given = {getattr(step, part, None) for step in steps for part in ("focus", "index")}
        yield from self.read(rest, bound | {name for name in given if isinstance(name, str)}, at_root=False)

    def _is_there(self, name: str, bound: frozenset[str]) -> bool:
        # `$` alone is the value at hand; functions may be handed on.
        return not name or name == "states" or name in bound | FUNCTIONS or self.assigned is None or name in self.assigned
