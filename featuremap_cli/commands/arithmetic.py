"""`featuremap arithmetic`: what a stack of layers costs and sees, before it exists."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from featuremap_cli.commands.console import give_json
from featuremap_cli.errors import UsageError

MEMORY = "Memory"

Input = Annotated[
    str, typer.Argument(metavar="INPUT", help="HEIGHTxWIDTHxCHANNELS, as in 150x100x3.", show_default=False)
]
Stack = Annotated[
    list[str],
    typer.Argument(
        metavar="LAYER...",
        help="Layers, each quoted or with `;` between them: `conv 64 3x3 /2 same`, `3 x conv 64 3x3`, `pool 2`.",
        show_default=False,
    ),
]
Compare = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STACK",
        help="Another stack for the same input, layers with `;` between them, set beside it; repeatable.",
        show_default=False,
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, metavar="N", help="Images at a time.", rich_help_panel=MEMORY)]
Dtype = Annotated[Literal["float32", "float16"], typer.Option(help="How values are stored.", rich_help_panel=MEMORY)]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object on stdout.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV on stdout, a line a layer.")]


def arithmetic(
    input_shape: Input,
    layers: Stack,
    compare: Compare = None,
    batch_size: BatchSize = 1,
    dtype: Dtype = "float32",
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Say what a described stack of layers costs and sees: shapes, parameters, MACs, memory, receptive field.

    Layers: conv FILTERS SIZE, depthwise SIZE, separable FILTERS SIZE, transpose FILTERS SIZE, pool SIZE (also max pool,
    avg pool), global pool, dense UNITS, upsample FACTOR, border N, crop N, flatten, batchnorm, relu, softmax, dropout.
    After them, in any order: /STRIDE, same, valid (the default) or pad N, dilation D, groups G, multiplier M, no-bias.
    A size is 3x3, 3,3 or 3. Lines of Keras and of PyTorch are read too, many at once and a Sequential.
    A line counts as its library does: Keras's Dense works on each position of a map, the word dense on all of it.

    Examples:

    - `featuremap arithmetic 150x100x3 "conv 200 5x5 same"`
    - `featuremap arithmetic 224x224x3 "conv 32 3x3 /2 same" "depthwise 3x3" "pool 2" "dense 1000" --batch-size 32`
    - `featuremap arithmetic 28x28x1 "Conv2D(32, 3, padding='same')" "nn.MaxPool2d(2)" "Flatten()" "Dense(10)"`
    - `featuremap arithmetic 56x56x64 "3 x conv 64 3x3 same" --compare "conv 64 7x7 same"`

    The last shows that three 3x3 convolutions see what one of 7x7 sees, with 55% of its weights.
    """
    from featuremap_cli.analysis.comparison import Comparison
    from featuremap_cli.analysis.cost import Storage
    from featuremap_cli.analysis.description import describe
    from featuremap_cli.analysis.stack import describe_stack, parse_input

    refuse_both(json, csv)
    shape, storage = parse_input(input_shape), Storage(batch_size, dtype)
    stacks = [("; ".join(layers), layers), *((text, [text]) for text in compare or ())]
    described = [describe(describe_stack(shape, texts, name), storage) for name, texts in stacks]
    comparison = Comparison(tuple(described))
    if csv:
        from featuremap_cli.commands.tables import give_csv

        give_csv([(one, one.rows) for one in described])
    elif json:
        give_json(comparison.as_json() if compare else described[0].as_json())
    elif compare:
        from featuremap_cli.commands.comparison_table import give_comparison

        give_comparison(comparison)
    else:
        from featuremap_cli.commands.tables import give_table

        give_table(described[0], described[0].rows)


def refuse_both(json: bool, csv: bool) -> None:
    """Refuse `--json` and `--csv` together.

    Raises:
        UsageError: both are asked for.
    """
    if json and csv:
        raise UsageError("--json and --csv both write to stdout: choose one")
