"""What networks are called that come with a package, ours or Keras, known without importing either.

`networks/` knows more of them: `networks/builtin` of ours, `networks/application_table.py` of keras.applications.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

BUILTIN_NAMES = ("alexnet", "squeezenet")

APPLICATION = "keras:"
"""What stands before the name of a network of keras.applications."""

_BY_PREPROCESSING = {
    "caffe": "ResNet50 ResNet101 ResNet152 VGG16 VGG19",
    "tf": (
        "InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 NASNetLarge NASNetMobile "
        "ResNet50V2 ResNet101V2 ResNet152V2 Xception"
    ),
    "torch": "DenseNet121 DenseNet169 DenseNet201",
    "inside": (
        "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge "
        "EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 "
        "EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7 "
        "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 "
        "EfficientNetV2S EfficientNetV2M EfficientNetV2L MobileNetV3Small MobileNetV3Large"
    ),
}

APPLICATIONS: Mapping[str, str] = MappingProxyType(
    {name: preprocessing for preprocessing, names in _BY_PREPROCESSING.items() for name in names.split()}
)
"""{network: what its pixels must look like, a name of `networks.input.PREPROCESSING`}."""


def nearest_applications(name: str, cutoff: float = 0.5) -> list[str]:
    """At most three networks of keras.applications whose names are like this one, the nearest first.

    Args:
        name: what somebody wrote; capitals, dashes and underscores make no difference.
        cutoff: how alike they are at least, from 0 to 1.
    """
    lowered = {known.lower(): known for known in APPLICATIONS}
    plain = name.lower().replace("-", "").replace("_", "")
    return [lowered[known] for known in difflib.get_close_matches(plain, lowered, n=3, cutoff=cutoff)]
