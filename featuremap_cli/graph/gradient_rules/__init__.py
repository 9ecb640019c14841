"""The gradient of each operator, by ONNX's names: one module for a family, one line in its table for an operator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from featuremap_cli.graph.gradient_rules.activations import ACTIVATIONS
from featuremap_cli.graph.gradient_rules.arithmetic import ARITHMETIC
from featuremap_cli.graph.gradient_rules.arranging import ARRANGING
from featuremap_cli.graph.gradient_rules.backward import Rule
from featuremap_cli.graph.gradient_rules.normalization import NORMALIZATION
from featuremap_cli.graph.gradient_rules.windows import WINDOWS

RULES: Mapping[str, Rule] = MappingProxyType({**WINDOWS, **ACTIVATIONS, **ARITHMETIC, **ARRANGING, **NORMALIZATION})
"""{operator: its rule}; another operator has no gradient here."""
