"""Classes of PyTorch that a stack may be written with, with PyTorch's order of parameters and its defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from featuremap_cli.analysis.layer_kinds import (
    Border,
    Convolution,
    Dense,
    GlobalPooling,
    PointByPoint,
    Pooling,
    Resizing,
    Transposed,
)
from featuremap_cli.analysis.stack_arguments import (
    INTERPOLATIONS,
    Arguments,
    CodeClass,
    CodeLayer,
    alone,
    longer_by,
    optional_whole,
)
from featuremap_cli.analysis.stack_kinds import AdaptivePooling, LongerTransposed
from featuremap_cli.convolution.geometry import Pair


def _torch_convolution(a: Arguments) -> CodeLayer:
    window = a.window(a.pair("kernel_size"), "stride", "dilation", 0)
    kind = Convolution(a.whole("out_channels"), window, a.whole("groups", 1), a.flag("bias", True))
    return CodeLayer("Conv2D", "conv", kind, channels=optional_whole(a, "in_channels"))


def _torch_transposed(a: Arguments) -> CodeLayer:
    a.refuse("groups", 1)
    window = a.window(a.pair("kernel_size"), "stride", "dilation", 0)
    inner = Transposed(a.whole("out_channels"), window, a.flag("bias", True))
    extra = longer_by(a, window)
    kind = inner if extra == (0, 0) else LongerTransposed(inner, extra, is_keras=False)
    return CodeLayer("Conv2DTranspose", "transpose", kind, channels=optional_whole(a, "in_channels"))


def _torch_pool(type_: str) -> Callable[[Arguments], CodeLayer]:
    def read(a: Arguments) -> CodeLayer:
        a.refuse("ceil_mode", False)
        size = a.pair("kernel_size")
        return CodeLayer(type_, "pool", Pooling(a.window(size, "stride", "dilation", 0, default=size)))

    return read


def _adaptive(type_: str) -> Callable[[Arguments], CodeLayer]:
    def read(a: Arguments) -> CodeLayer:
        output = a.pair("output_size")
        if output == (1, 1):
            return CodeLayer(f"Global{type_}", "global_pool", GlobalPooling())
        return CodeLayer(type_, "pool", AdaptivePooling(output))

    return read


def _torch_dense(a: Arguments) -> CodeLayer:
    kind = Dense(a.whole("out_features"), a.flag("bias", True))
    return CodeLayer("Dense", "dense", kind, values=optional_whole(a, "in_features"))


def _torch_normalization(type_: str, path: str, channels: str, affine: bool, moving: bool) -> CodeClass:
    names = [name for name in ("num_groups", channels) if channels == "num_channels" or name == channels]
    more = ("eps", "affine") if channels == "num_channels" else ("eps", "momentum", "affine", "track_running_stats")

    def read(a: Arguments) -> CodeLayer:
        count = 2 * a.flag("affine", affine) + 2 * (
            a.flag("track_running_stats", moving) and channels != "num_channels"
        )
        return CodeLayer(type_, path, PointByPoint(parameters_a_channel=count), channels=optional_whole(a, channels))

    return CodeClass((*names, *more), read)


def _torch_upsampling(fixed: str = "") -> Callable[[Arguments], CodeLayer]:
    def read(a: Arguments) -> CodeLayer:
        how = fixed or a.choice("mode", INTERPOLATIONS[:3], "nearest")
        if a.value("size") is not None:  # PyTorch's is the size of the output, Keras's a factor
            kind = Resizing(a.pair("size"), interpolation=how)  # type: ignore[arg-type]
        else:
            factors = a.value("scale_factor")
            whole = _whole(factors)
            if whole is None:
                raise a.error("scale_factor", f"`scale_factor` of `{a.name}` is a whole number or two, got {factors!r}")
            kind = Resizing(factors=whole, interpolation=how)  # type: ignore[arg-type]
        return CodeLayer("UpSampling2D", "upsample", kind)

    return read


def _whole(value: object) -> Pair | None:
    """(down, right) of a number or two that are whole, be they written as `2` or `2.0`; None for anything else."""
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(isinstance(one, int | float) and one == int(one) >= 1 for one in pair):
        return None
    return int(pair[0]), int(pair[1])


def _torch_border(a: Arguments) -> CodeLayer:
    value = a.value("padding")
    sides = [value] * 4 if isinstance(value, int) else list(value) if isinstance(value, tuple | list) else []
    if len(sides) != 4 or not all(isinstance(one, int) for one in sides):
        raise a.error("padding", f"`padding` of `{a.name}` is N or (LEFT, RIGHT, TOP, BOTTOM), got {value!r}")
    left, right, top, bottom = sides
    return CodeLayer("ZeroPadding2D", "border", Border(top, bottom, left, right))


_TORCH_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
TORCH: Mapping[str, CodeClass] = MappingProxyType(
    {
        "Conv2d": CodeClass((*_TORCH_CONV, "dilation", "groups", "bias", "padding_mode"), _torch_convolution),
        "LazyConv2d": CodeClass((*_TORCH_CONV[1:], "dilation", "groups", "bias", "padding_mode"), _torch_convolution),
        "ConvTranspose2d": CodeClass(
            (*_TORCH_CONV, "output_padding", "groups", "bias", "dilation", "padding_mode"), _torch_transposed
        ),
        "MaxPool2d": CodeClass(
            ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"), _torch_pool("MaxPooling2D")
        ),
        "AvgPool2d": CodeClass(
            ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
            _torch_pool("AveragePooling2D"),
        ),
        "AdaptiveAvgPool2d": CodeClass(("output_size",), _adaptive("AveragePooling2D")),
        "AdaptiveMaxPool2d": CodeClass(("output_size", "return_indices"), _adaptive("MaxPooling2D")),
        "Linear": CodeClass(("in_features", "out_features", "bias"), _torch_dense),
        "LazyLinear": CodeClass(("out_features", "bias"), _torch_dense),
        "BatchNorm2d": _torch_normalization("BatchNormalization", "batchnorm", "num_features", True, True),
        "InstanceNorm2d": _torch_normalization("InstanceNorm2d", "instancenorm", "num_features", False, False),
        "GroupNorm": _torch_normalization("GroupNormalization", "groupnorm", "num_channels", True, False),
        "Upsample": CodeClass(
            ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor"), _torch_upsampling()
        ),
        "UpsamplingNearest2d": CodeClass(("size", "scale_factor"), _torch_upsampling("nearest")),
        "UpsamplingBilinear2d": CodeClass(("size", "scale_factor"), _torch_upsampling("bilinear")),
        "ZeroPad2d": CodeClass(("padding",), _torch_border),
        "ReflectionPad2d": CodeClass(("padding",), _torch_border),
        "ReplicationPad2d": CodeClass(("padding",), _torch_border),
        "Dropout2d": CodeClass(("p", "inplace"), alone("Dropout", "dropout", PointByPoint())),
    }
)
"""{class: what it takes and is}."""
