"""Pictures whose colors are told by an ICC profile: turned into sRGB, which is what networks and screens expect."""

from __future__ import annotations

import io

from PIL import Image as Pillow


def in_srgb(image: Pillow.Image) -> tuple[Pillow.Image, str] | None:
    """A picture in sRGB, and what to say of it.

    Args:
        image: opened and loaded; its profile is in `image.info`.

    Returns:
        None where there is no profile, it is sRGB or one for gray, or it cannot be followed: a picture is worth more
        than its metadata.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return None
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = " ".join(ImageCms.getProfileDescription(own).split()) or "its own colors"
        if "srgb" in name.lower():
            return None
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        colors = image.convert("RGB") if alpha is not None else image
        turned = ImageCms.profileToProfile(colors, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if turned is None:
        return None
    if alpha is not None:
        turned.putalpha(alpha)
    return turned, f"colors converted from {name} to sRGB"
