"""The networks of keras.applications by name, known without Keras; a test compares this with the Keras installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

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
"""{network: what its pixels must look like, a name of `input.PREPROCESSING`}."""


def application_named_like(model_name: str) -> str | None:
    """The network of keras.applications that a model's name says it is; the names of ours and theirs differ.

    Args:
        model_name: what Keras called it, `resnet50`, `mobilenetv2_1.00_224`, `efficientnetv2-b0`.
    """
    plain = re.sub(r"[^a-z0-9]", "", model_name.lower())
    alike = [name for name in APPLICATIONS if re.fullmatch(rf"{name.lower()}\d*", plain)]
    return max(alike, key=len, default=None)
