"""What a preset is: a name, its arguments, and how its kernels are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from featuremap_cli.arrays import FilterBank
from featuremap_cli.errors import NotationError
from featuremap_cli.sources.kernels.kernel import Kernel, bank_of, fractions_kernel, join_banks
from featuremap_cli.sources.numerals import read_numeral

LARGEST_SIZE = 255  # wider kernels are slips of the finger, and cost hours

Value = int | float | str


@dataclass(frozen=True)
class Parameter:
    """One argument of a preset.

    Attributes:
        name: as the usage line shows it, `SIZE`.
        expected: what it takes, completing "takes SIZE as ...".
        read: text to value; raises ValueError for what does not fit.
        default: what stands where it is left out, as a user would write it; None where the preset works it out.
    """

    name: str
    expected: str
    read: Callable[[str], Value]
    default: str | None


@dataclass(frozen=True)
class Preset:
    """A kernel, or a family of kernels in several directions, that has a name.

    Attributes:
        name: `gaussian`.
        summary: what it does, in half a line.
        source: the paper or book it is from.
        make: the values of all parameters to kernels of one size; raises ValueError for values that do not go together.
        parameters: what may follow the colon.
    """

    name: str
    summary: str
    source: str
    make: Callable[..., Sequence[Kernel]]
    parameters: tuple[Parameter, ...] = ()

    @property
    def usage(self) -> str:
        """How it is written with all its arguments: `gaussian:SIZE,SIGMA`; each may be left out from the end."""
        if not self.parameters:
            return self.name
        return f"{self.name}:{','.join(parameter.name for parameter in self.parameters)}"

    def bank(self, arguments: Sequence[str] = ()) -> FilterBank:
        """Its kernels as one bank that meets every channel.

        Args:
            arguments: the texts between the commas, in the order of the parameters; those left out have defaults.

        Returns:
            weights (SIZE, SIZE, 1, kernels); names are as a user would write each kernel; cells hold all numbers.

        Raises:
            NotationError: an argument too many or one that does not fit; its text is `name:argument,argument`.
        """
        values = self._values(arguments)
        spec = _spec(self.name, arguments)
        try:
            kernels = self.make(*values)
        except ValueError as error:
            start = len(self.name) + 1
            raise NotationError(spec, start, len(spec) - start, f"`{self.name}`: {error}; {self._advice}") from None
        named = [Kernel(kernel.weights, kernel.cells, kernel.name or spec) for kernel in kernels]
        return join_banks([bank_of(kernel, spec) for kernel in named])[0]

    @property
    def _advice(self) -> str:
        return f"usage: {self.usage}"

    def _values(self, arguments: Sequence[str]) -> list[Value | None]:
        values: list[Value | None] = []
        start = len(self.name) + 1
        for index, argument in enumerate(arguments):
            values.append(self._value(index, argument, arguments, start))
            start += len(argument) + 1
        for parameter in self.parameters[len(arguments) :]:
            values.append(None if parameter.default is None else parameter.read(parameter.default))
        return values

    def _value(self, index: int, argument: str, arguments: Sequence[str], start: int) -> Value:
        token = argument.strip()
        start += len(argument) - len(argument.lstrip())
        if index >= len(self.parameters):
            count = len(self.parameters)
            takes = {0: "no arguments", 1: "one argument"}.get(count, f"at most {count} arguments")
            problem = f"`{self.name}` takes {takes}, got {len(arguments)}"
        else:
            parameter = self.parameters[index]
            try:
                return parameter.read(token)
            except ValueError:
                got = f"`{token}`" if token else "nothing"
                problem = f"`{self.name}` takes {parameter.name} as {parameter.expected}, got {got}"
        raise NotationError(_spec(self.name, arguments), start, len(token), f"{problem}; {self._advice}")


def _spec(name: str, arguments: Sequence[str]) -> str:
    return f"{name}:{','.join(arguments)}" if arguments else name


def fixed(name: str, summary: str, source: str, rows: Sequence[Sequence[int]], denominator: int = 1) -> Preset:
    """A preset that is one matrix: whole numbers over a common denominator."""
    return Preset(name, summary, source, lambda: (fractions_kernel(rows, denominator),))


def size(default: int, smallest: int = 1, odd: bool = True) -> Parameter:
    """The side of a square kernel, in pixels; odd where the kernel needs a middle pixel."""

    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0
        if not smallest <= value <= LARGEST_SIZE or (odd and value % 2 == 0):
            raise ValueError(text)
        return value

    kind = "an odd" if odd else "a"
    return Parameter("SIZE", f"{kind} whole number from {smallest} to {LARGEST_SIZE}", read, str(default))


def number(name: str, low: float, high: float, default: str | None, unit: str) -> Parameter:
    """A number from low to high, both included; `unit` says of what, `pixels`."""

    def read(text: str) -> float:
        value = read_numeral(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return Parameter(name, f"a number of {unit} from {low:g} to {high:g}", read, default)


def choice(name: str, choices: Sequence[str], default: str) -> Parameter:
    """One word out of a few, in upper or lower case."""

    def read(text: str) -> str:
        by_lower_case = {one.lower(): one for one in choices}
        if text.lower() not in by_lower_case:
            raise ValueError(text)
        return by_lower_case[text.lower()]

    return Parameter(name, f"one of {', '.join(choices)}", read, default)
