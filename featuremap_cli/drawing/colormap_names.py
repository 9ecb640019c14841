"""What matplotlib's colormaps are called, known without matplotlib, which takes a quarter of a second to import.

A test compares this with the matplotlib installed.
"""

from __future__ import annotations

_NAMES = (
    "magma inferno plasma viridis cividis twilight twilight_shifted turbo berlin managua vanimo Blues "
    "BrBG BuGn BuPu CMRmap GnBu Greens Greys OrRd Oranges PRGn PiYG PuBu PuBuGn PuOr PuRd Purples RdBu "
    "RdGy RdPu RdYlBu RdYlGn Reds Spectral Wistia YlGn YlGnBu YlOrBr YlOrRd afmhot autumn binary bone brg "
    "bwr cool coolwarm copper cubehelix flag gist_earth gist_gray gist_heat gist_ncar gist_rainbow "
    "gist_stern gist_yarg gnuplot gnuplot2 gray hot hsv jet nipy_spectral ocean pink prism rainbow "
    "seismic spring summer terrain winter Accent okabe_ito Dark2 Paired Pastel1 Pastel2 Set1 Set2 Set3 "
    "tab10 tab20 tab20b tab20c grey gist_grey gist_yerg Grays "
)

COLORMAP_NAMES: tuple[str, ...] = tuple(name for one in _NAMES.split() for name in (one, f"{one}_r"))
"""Every colormap, each with its reverse, `viridis` and `viridis_r`; `gray` is drawn without matplotlib."""
