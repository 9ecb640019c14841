"""The gallery in a browser: it opens from file://, shows pictures, enlarges, filters, and hostile names do nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from featuremap_cli.sources.locations import sample_path

SHOWN = "[...document.querySelectorAll('a.sheet img')].filter((one) => one.complete && one.naturalWidth > 1).length"
HOSTILE = [
    "<script>document.title='hacked'</script>.jpg",
    "<img src=x onerror=\"document.title='hacked'\">.jpg",
    "a\" onmouseover=\"document.title='hacked'\" b='.jpg",
    "100% of #1? & more.jpg",
    "two\nlines.jpg",
    "照片 ünï ‮gnp.jpg",
    "javascript:document.title='hacked'.jpg",
    "{{ 7 * 7 }}.jpg",
]


def three_images(run) -> str:
    for name in ("holiday/beach 1.jpg", "holiday/beach 2.jpg", "garden/rose.jpg"):
        run.add(name)
    run.fail("broken.jpg", "broken.jpg is truncated: expected a whole JPEG file")
    return run.write_page()


def test_it_opens_and_shows_every_picture(run, show, wait) -> None:
    page = show(three_images(run))
    expect(page).to_have_title(f"{run.root.name} · featuremap")
    wait(page, f"{SHOWN} === 1 + 3 * 3")
    assert page.locator("article h3").all_inner_texts() == [
        "garden/rose.jpg",
        "holiday/beach 1.jpg",
        "holiday/beach 2.jpg",
    ]
    assert page.locator("article").first.locator(".label").all_inner_texts() == ["conv1", "conv2", "conv3"]
    expect(page.get_by_text("broken.jpg is truncated")).to_be_visible()
    named = "'holiday/beach 1.jpg' 'holiday/beach 2.jpg' garden/rose.jpg"
    expect(page.get_by_text(f"featuremap activations {named} --model m.keras --out {run.root}")).to_be_visible()
    expect(page.get_by_text("m.keras:conv1")).to_be_visible()


def test_layers_stand_side_by_side_and_images_below_each_other(run, show) -> None:
    page = show(three_images(run))
    boxes = [link.bounding_box() for link in page.locator("article a.sheet").all()]
    rows, columns = {round(box["y"]) for box in boxes}, {round(box["x"]) for box in boxes}
    assert (len(rows), len(columns)) == (3, 3)


def test_a_click_enlarges_and_keys_go_on(run, show, wait) -> None:
    page = show(three_images(run))
    dialog, name, label = page.locator("#viewer"), page.locator("#viewer-name"), page.locator("#viewer-label")
    small = page.locator("article a.sheet img").first.bounding_box()
    page.locator("article a.sheet").first.click()
    expect(dialog).to_be_visible()
    wait(page, "document.querySelector('#viewer-picture').naturalWidth === 900")
    large = page.locator("#viewer-picture").bounding_box()
    assert large["width"] > 2 * small["width"]
    assert large["y"] + large["height"] <= 900
    expect(page.locator("#viewer-command")).to_have_text("featuremap activations 'garden/rose.jpg' --model m.keras")
    for key, expected in [
        ("ArrowRight", ("garden/rose.jpg", "conv2")),
        ("ArrowDown", ("holiday/beach 1.jpg", "conv2")),
        ("ArrowRight", ("holiday/beach 1.jpg", "conv3")),
        ("ArrowRight", ("holiday/beach 2.jpg", "conv1")),
        ("ArrowDown", ("holiday/beach 2.jpg", "conv1")),
        ("ArrowLeft", ("holiday/beach 1.jpg", "conv3")),
        ("ArrowUp", ("garden/rose.jpg", "conv3")),
    ]:
        page.keyboard.press(key)
        expect(name).to_have_text(expected[0])
        expect(label).to_have_text(expected[1])
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    # A browser tells of a closed dialog a moment after it has hidden it.
    focused = "document.activeElement.dataset.name + ' ' + document.activeElement.dataset.label"
    wait(page, f"{focused} === 'garden/rose.jpg conv3'")


def test_everything_can_be_done_without_a_mouse(run, show) -> None:
    page = show(three_images(run))
    page.locator("#filter").focus()
    page.keyboard.type("beach")
    expect(page.locator("#count")).to_have_text("2 of 3 images")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer-name")).to_have_text("holiday/beach 1.jpg")
    expect(page.locator("#stage")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#viewer-previous")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer-label")).to_have_text("m.keras:conv1")
    page.locator("#viewer-close").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer")).to_be_hidden()


def test_a_second_click_shows_every_pixel_and_arrow_keys_then_scroll(run, show, wait) -> None:
    page = show(three_images(run), width=500, height=500)
    page.locator("article a.sheet").first.click()
    picture = page.locator("#viewer-picture")
    wait(page, "document.querySelector('#viewer-picture').naturalWidth === 900")
    box = picture.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75)
    assert (picture.bounding_box()["width"], picture.bounding_box()["height"]) == (900, 700)
    wait(page, "document.querySelector('#stage').scrollLeft > 200")
    before = page.evaluate("document.querySelector('#stage').scrollLeft")
    page.keyboard.press("ArrowLeft")
    wait(page, f"document.querySelector('#stage').scrollLeft < {before}")
    expect(page.locator("#viewer-label")).to_have_text("conv1")
    picture.click()
    assert picture.bounding_box()["width"] < 500


def test_names_filter_the_images(run, show) -> None:
    page = show(three_images(run))
    for words, left in [("BEACH", 2), ("2 holi", 1), ("rose", 1), ("nothing like it", 0), ("", 3)]:
        page.fill("#filter", words)
        expect(page.locator("article:visible")).to_have_count(left)
    page.fill("#filter", "nothing like it")
    expect(page.get_by_text("No image has this in its name.")).to_be_visible()
    page.fill("#filter", "rose")
    page.locator("article:visible a.sheet").last.click()
    expect(page.locator("#viewer-place")).to_have_text("4 of 4")
    expect(page.locator("#viewer-next")).to_be_hidden()


def test_one_layer_of_all_images(run, show) -> None:
    page = show(three_images(run))
    page.select_option("#layer", label="conv2")
    expect(page.locator("article a.sheet:visible")).to_have_count(3)
    boxes = [link.bounding_box() for link in page.locator("article a.sheet:visible").all()]
    assert len({round(box["y"]) for box in boxes}) == 1
    page.locator("article a.sheet:visible").first.click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-name")).to_have_text("holiday/beach 1.jpg")
    expect(page.locator("#viewer-label")).to_have_text("conv2")


def test_hostile_names_do_nothing(run, show, wait) -> None:
    for number, name in enumerate(HOSTILE):
        run.add(name, stem=f"{number} {name.replace(chr(10), '_').replace('/', '_')}")
        run.fail(f"failed {name}", f"{name} cannot be read")
    page = show(run.write_page())
    for number, link in enumerate(page.locator("article a.sheet").all()):
        link.scroll_into_view_if_needed()
        link.hover()
        wait(page, f"document.querySelectorAll('article a.sheet img')[{number}].naturalWidth === 900")
    names = page.locator("article h3").all_text_contents()
    assert sorted(names) == sorted(name.replace("\n", "\\n").replace("\u202e", "\\u202e") for name in HOSTILE)
    page.locator("article a.sheet").first.click()
    for name in names[1:]:
        page.keyboard.press("ArrowDown")
        expect(page.locator("#viewer-name")).to_have_text(name)
    assert page.title() == f"{run.root.name} · featuremap"
    assert page.locator("script").count() == 1


def test_a_thousand_images_stay_usable(run, show, wait) -> None:
    for number in range(1000):
        run.add(f"p{number}.jpg", stem=str(number))
    page = show(run.write_page())
    assert page.locator("article").count() == 1000
    assert page.evaluate(SHOWN) < 150
    for part in (0.3, 0.6, 1):
        page.evaluate(f"scrollTo(0, document.body.scrollHeight * {part})")
        wait(
            page,
            """() => {
                const near = [...document.querySelectorAll('article a.sheet img')].filter((one) => {
                    const { top, bottom } = one.getBoundingClientRect();
                    return bottom > 0 && top < innerHeight;
                });
                return near.length && near.every((one) => one.naturalWidth === 900);
            }""",
        )
    # What has gone by is let go.
    wait(page, f"{SHOWN} < 150")
    page.fill("#filter", "p99")
    expect(page.locator("#count")).to_have_text("11 of 1,000 images")
    expect(page.locator("article:visible")).to_have_count(11)
    wait(page, "document.querySelector('article:not([hidden]) img').naturalWidth === 900")
    expect(page.locator("article:visible img").first).to_be_visible()


@pytest.mark.parametrize("width", [320, 400, 768])
def test_a_narrow_screen_never_scrolls_sideways(run, show, width: int) -> None:
    run.add("holiday/" + "a-very-long-name-without-any-space-in-it" * 3 + ".jpg")
    page = show(three_images(run), width=width, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("article a.sheet").first.click()
    assert page.locator("#viewer").evaluate("(dialog) => dialog.scrollWidth") <= width
    expect(page.locator("#viewer-close")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(run, show, scheme: str) -> None:
    page = show(three_images(run), color_scheme=scheme)
    colors = "([element, ground]) => [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor]"
    body = page.locator("body").element_handle()
    lightness = []
    for selector in ("h1", ".summary", ".label", "#count"):
        text, ground = page.evaluate(colors, [page.locator(selector).first.element_handle(), body])
        assert contrast(text, ground) >= 4.5, selector
        lightness.append(luminance(ground))
    assert (lightness[0] < 0.1) == (scheme == "dark")


def test_without_script_pictures_still_show_and_lead_to_their_files(run, show) -> None:
    page = show(three_images(run), java_script_enabled=False)
    expect(page.locator("#controls")).to_be_hidden()
    page.locator("article a.sheet").first.click()
    page.wait_for_url("**/garden/rose/000-conv1.png")


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colors written `rgb(r, g, b)`."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """WCAG 2.2's relative luminance."""
    channels = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.fixture
def mapped(tmp_path: Path, photographs: Path) -> str:
    """A real run on two photographs, and its page."""
    from featuremap_cli.commands.app import main

    words = ["activations", str(photographs), "-m", "alexnet", "-l", "conv1", "-l", "conv5", "-q", "--gallery"]
    assert main([*words, "-o", str(tmp_path / "run")]) == 0
    return (tmp_path / "run" / "index.html").as_uri()


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("china", "flower"):
        shutil.copy(sample_path(name), folder)
    return folder


def test_a_row_begins_with_its_photograph_and_sheets_are_small_pictures(mapped: str, show, wait) -> None:
    page = show(mapped)
    wait(page, "[...document.querySelectorAll('.photograph img')].every((one) => one.naturalWidth === 320)")
    wait(page, "[...document.querySelectorAll('a.sheet img')].every((one) => one.naturalWidth > 1)")
    widths = "[...document.querySelectorAll('a.sheet img')].map((one) => one.naturalWidth)"
    assert max(page.evaluate(widths)) <= 320
    first = page.locator("article").first
    assert first.locator("li").first.get_attribute("class") == "photograph"


def test_one_map_at_a_time(mapped: str, show, wait) -> None:
    page = show(mapped)
    page.locator("article a.sheet").first.click()
    detail, canvas = page.locator("#viewer-detail"), page.locator("#viewer-tile")
    expect(canvas).to_be_hidden()
    page.keyboard.press("m")
    expect(canvas).to_be_visible()
    wait(page, "document.querySelector('#viewer-tile').width > 50")
    ranges = []
    for filter_index in range(3):
        text = detail.inner_text()
        assert text.startswith(f"filter {filter_index} · ")
        ranges.append(text)
        page.keyboard.press("ArrowRight")
    expect(detail).to_contain_text("filter 3")
    page.keyboard.press("ArrowLeft")
    expect(detail).to_have_text(ranges[2])
    page.keyboard.press("ArrowDown")  # the same filter on the next image
    expect(page.locator("#viewer-name")).to_have_text("flower.jpg")
    expect(detail).to_contain_text("filter 2")
    assert detail.inner_text() != ranges[2]
    page.keyboard.press("m")
    expect(canvas).to_be_hidden()
    expect(page.locator("#viewer-picture")).to_be_visible()


def test_one_filter_of_all_images(mapped: str, show, wait) -> None:
    page = show(mapped)
    expect(page.locator("#one-filter")).to_be_hidden()
    page.select_option("#layer", label="conv5")
    expect(page.locator("article .photograph img:visible")).to_have_count(2)
    page.fill("#number", "61")
    wait(page, "document.querySelectorAll('a.sheet canvas:not([hidden])').length === 2")
    details = page.locator("article li:visible .detail").all_inner_texts()
    assert len(set(details)) == 2
    assert all(text.startswith("filter 61 · 0 to ") for text in details)
    page.fill("#number", "")
    expect(page.locator("a.sheet canvas:visible")).to_have_count(0)
    page.fill("#number", "9999")
    expect(page.locator("a.sheet canvas:visible")).to_have_count(0)
