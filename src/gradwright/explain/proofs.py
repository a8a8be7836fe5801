"""The proofs that operations own, as text: definitions, lines with the rule of each, cases."""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.nodes import Add, Function, Node, Operation, arguments, postorder
from gradwright.notation.parser import parse
from gradwright.ops.outputs import OutputRecord, output_record
from gradwright.ops.record import IndexProof, ProofLine, Record, Structured
from gradwright.ops.table import OPERATIONS
from gradwright.render.equation import text_block
from gradwright.render.unicode import unicode_text


def operations_of(*nodes: Node) -> list[Record]:
    """The operations of the table that nodes use, each once."""
    names = {
        part.operation: None
        for part in postorder(*nodes)
        if isinstance(part, Function | Operation) and part.operation in OPERATIONS
    }
    return [OPERATIONS[name] for name in names]


def proof_lines(record: Record) -> list[str]:
    """The definition of an operation, and the steps to its derivative with the rule of each."""
    argument = record.argument if isinstance(record, Structured) else "x"
    definition = unicode_text(parse(record.definition))
    lines = [f"{record.name}({argument}) = {definition}"]
    lines += _block(f"∂{record.name}/∂{argument}", record.proof)
    if isinstance(record, Structured) and record.with_indices is not None:
        lines += ["with indices:", *(f"  {line}" for line in _with_indices(record.with_indices))]
    return [*lines, f"({record.source})"]


def outputs_of(value: Node) -> list[OutputRecord]:
    """The activations with their losses that stand in a formula: logarithms of the activation.

    Of binary cross-entropy there are two, log(a) and log(1 - a).
    """
    found = []
    logs = [
        part.arguments[0]
        for part in postorder(value)
        if isinstance(part, Function) and part.operation == "log"
    ]
    if any(isinstance(part, Operation) and part.operation == "softmax" for part in logs):
        found.append(output_record("softmax", "cross_entropy"))
    for one in logs:
        if isinstance(one, Function) and one.operation == "sigmoid":
            # 1 - a is a multiple of the sum a - 1.
            others = {inner for part in logs for inner in (part, *arguments(part))}
            if any(isinstance(part, Add) and one in arguments(part) for part in others):
                found.append(output_record("sigmoid", "binary_cross_entropy"))
                break
    return [record for record in found if record is not None]


def output_lines(record: OutputRecord) -> list[str]:
    """An activation with its loss under a heading: how both derivatives cancel."""
    lines = ["", f"{record.activation} with {record.loss}, for one sample"]
    lines += [f"  {line}" for line in _with_indices(record.proof)]
    return [*lines, f"  ({record.source})"]


def _with_indices(proof: IndexProof) -> list[str]:
    lines = [unicode_text(parse(definition)) for definition in proof.definitions]
    for case in proof.cases:
        lines += [f"{case.condition}:"] if case.condition else []
        block = _block(proof.left, case.lines)
        lines += [f"  {line}" for line in block] if case.condition else block
    return lines


def _block(left: str, proof: Iterable[ProofLine]) -> list[str]:
    """The lines of a proof, the left side before the first."""
    return text_block(
        [
            (left if place == 0 else "", unicode_text(parse(line.expression)), line.rule)
            for place, line in enumerate(proof)
        ]
    )


def proof_section(records: Iterable[Record]) -> list[str]:
    """The proofs of some operations under a heading, or nothing."""
    found = [proof_lines(record) for record in records if record.proof]
    if not found:
        return []
    lines = [f"  {line}".rstrip() for proof in found for line in (*proof, "")]
    return ["", "The operations", *lines[:-1]]
