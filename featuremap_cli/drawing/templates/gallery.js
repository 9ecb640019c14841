"use strict";

const find = (id) => document.getElementById(id);
const articles = [...document.querySelectorAll("#images > article")];

function showControls() {
  const controls = find("controls");
  if (!controls) return;
  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  find("filter").addEventListener("input", filterByName);
  find("layer")?.addEventListener("change", chooseLayer);
  find("number").addEventListener("input", chooseFilter);
  offerFilter();
}

function filterByName() {
  const words = find("filter").value.toLowerCase().split(/\s+/);
  let shown = 0;
  for (const article of articles) {
    const name = article.dataset.name.toLowerCase();
    article.hidden = !words.every((word) => name.includes(word));
    shown += !article.hidden;
  }
  const all = `${articles.length.toLocaleString("en")} ${articles.length === 1 ? "image" : "images"}`;
  find("count").value = shown === articles.length ? all : `${shown.toLocaleString("en")} of ${all}`;
  find("none").hidden = shown > 0;
  const section = find("controls").parentElement;
  if (section.getBoundingClientRect().top < 0) section.scrollIntoView();
}

function chooseLayer() {
  const column = find("layer").value;
  find("images").className = column === "" ? "rows" : "wall";
  for (const item of document.querySelectorAll("#images li")) {
    if (item.classList.contains("photograph")) continue;
    item.hidden = column !== "" && item.dataset.column !== column;
  }
  offerFilter();
}

// Where a sheet says where its maps are: filter -> [left, top, width, height, lowest, highest].
function tilesOf(link) {
  try {
    const tiles = Object.entries(JSON.parse(link.dataset.tiles || "{}")).filter(([, tile]) => isTile(tile));
    return new Map(tiles.map(([index, tile]) => [Number(index), tile]));
  } catch {
    return new Map();
  }
}

// Anybody may have written the file that says so.
function isTile(tile) {
  const isEnd = (value) => value === null || Number.isFinite(value);
  return Array.isArray(tile) && tile.length === 6 && tile.slice(0, 4).every(Number.isFinite) && tile.slice(4).every(isEnd);
}

function shownLinks() {
  return [...document.querySelectorAll("#images a.sheet")].filter((one) => !one.closest("li").hidden);
}

// One filter can be followed through all images where one layer is shown.
function offerFilter() {
  const layers = find("layer");
  const possible = (!layers || layers.value !== "") && shownLinks().some((link) => link.dataset.tiles);
  find("one-filter").hidden = !possible;
  if (!possible) find("number").value = "";
  chooseFilter();
}

function chooseFilter() {
  for (const article of articles) if (near.has(article)) showPictures(article);
}

function draw(canvas, picture, [left, top, width, height]) {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").drawImage(picture, left, top, width, height, 0, 0, width, height);
}

function rangeOf(tile) {
  const digits = (value) => Number(value.toPrecision(3)).toString();
  return tile[4] === null ? "no finite value" : `${digits(tile[4])} to ${digits(tile[5])}`;
}

const NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

const near = new Set();

// The small pictures of an image that is near, or of each of its sheets the one map that is asked for.
function showPictures(article) {
  const chosen = find("number").value;
  for (const link of article.querySelectorAll("a.sheet")) {
    const picture = link.querySelector("img");
    picture.dataset.small ??= picture.getAttribute("src");
    picture.src = near.has(article) ? picture.dataset.small : NOTHING;
    let canvas = link.querySelector("canvas");
    const wanted = chosen !== "" && near.has(article) && !link.closest("li").hidden;
    const tile = wanted ? tilesOf(link).get(Number(chosen)) : undefined;
    picture.hidden = tile !== undefined;
    if (canvas) canvas.hidden = tile === undefined;
    const detail = link.parentElement.querySelector(".detail");
    if (detail) detail.textContent = tile === undefined ? link.dataset.detail : `filter ${chosen} · ${rangeOf(tile)}`;
    if (tile === undefined) continue;
    if (!canvas) canvas = link.appendChild(document.createElement("canvas"));
    const sheet = new Image();
    sheet.onload = () => draw(canvas, sheet, tile);
    sheet.src = link.href;
  }
}

// A browser loads lazy pictures as they come near, and keeps them: 5,000 sheets of 2 MB would fill the memory.
function keepNearPicturesOnly() {
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) near.add(target);
      else near.delete(target);
      showPictures(target);
    }
  }, { rootMargin: "200%" });
  for (const article of articles) observer.observe(article);
}

const viewer = find("viewer");
const stage = find("stage");
let links = [];
let place = 0;
let map = null;

function open(link) {
  links = [...document.querySelectorAll("a.sheet")].filter((one) => !one.closest("[hidden]"));
  if (!viewer.open) viewer.showModal();
  show(links.indexOf(link));
}

function show(index) {
  place = index;
  const link = links[place];
  const picture = find("viewer-picture");
  picture.src = link.href;
  picture.alt = link.querySelector("img").alt;
  for (const key of ["name", "label", "detail", "command"]) find(`viewer-${key}`).textContent = link.dataset[key];
  find("viewer-file").href = link.href;
  find("viewer-place").textContent = `${place + 1} of ${links.length}`;
  find("viewer-previous").hidden = place === 0;
  find("viewer-next").hidden = place === links.length - 1;
  useActualSize(false);
  const tiles = tilesOf(link);
  find("viewer-map").hidden = find("key-map").hidden = tiles.size === 0;
  if (map !== null) showMap(tiles.has(map) ? map : tiles.keys().next().value ?? null);
}

// One map at a time: its filter, or null for the whole sheet.
function showMap(filter) {
  const link = links[place];
  const tiles = tilesOf(link);
  const picture = find("viewer-picture");
  const canvas = find("viewer-tile");
  map = tiles.has(filter) ? filter : null;
  find("viewer-map").setAttribute("aria-pressed", map !== null);
  find("viewer-size").hidden = map !== null;
  picture.hidden = map !== null;
  canvas.hidden = map === null;
  find("viewer-detail").textContent = map === null ? link.dataset.detail : `filter ${map} · ${rangeOf(tiles.get(map))}`;
  if (map === null) return;
  useActualSize(false);
  const tile = tiles.get(map);
  const put = () => {
    draw(canvas, picture, tile);
    const factor = Math.min(stage.clientWidth / tile[2], (stage.clientHeight - 24) / tile[3]) * 0.96;
    canvas.style.width = `${Math.floor(tile[2] * factor)}px`;
    canvas.style.height = `${Math.floor(tile[3] * factor)}px`;
    canvas.setAttribute("aria-label", `${picture.alt}, filter ${map}`);
  };
  if (picture.complete && picture.naturalWidth) put();
  else picture.addEventListener("load", put, { once: true });
}

function turn(step) {
  if (map !== null) {
    const filters = [...tilesOf(links[place]).keys()].sort((a, b) => a - b);
    const next = filters[filters.indexOf(map) + step];
    if (next !== undefined) return showMap(next);
  }
  const index = place + step;
  if (index >= 0 && index < links.length) show(index);
}

// To the same layer of the next image that has it.
function turnImage(step) {
  const { column } = links[place].dataset;
  for (let index = place + step; index >= 0 && index < links.length; index += step) {
    if (links[index].dataset.column === column) return show(index);
  }
}

function useActualSize(actual, event) {
  const picture = find("viewer-picture");
  const before = picture.getBoundingClientRect();
  stage.classList.toggle("actual", actual);
  find("viewer-size").setAttribute("aria-pressed", actual);
  if (!actual) return;
  stage.focus({ focusVisible: false });
  const across = event ? (event.clientX - before.left) / before.width : 0;
  const down = event ? (event.clientY - before.top) / before.height : 0;
  stage.scrollLeft = across * picture.width - stage.clientWidth / 2;
  stage.scrollTop = down * picture.height - stage.clientHeight / 2;
}

function press(event) {
  // At actual size the arrow keys scroll.
  if (stage.classList.contains("actual") || event.altKey || event.ctrlKey || event.metaKey) return;
  const moves = {
    ArrowLeft: () => turn(-1),
    ArrowRight: () => turn(1),
    ArrowUp: () => turnImage(-1),
    ArrowDown: () => turnImage(1),
    m: () => showMap(map === null ? tilesOf(links[place]).keys().next().value ?? null : null),
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  moves[event.key]();
}

function close() {
  find("viewer-picture").removeAttribute("src");
  map = null;
  find("viewer-picture").hidden = false;
  find("viewer-tile").hidden = true;
  links[place].focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.sheet");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  open(link);
});
stage.addEventListener("click", (event) => {
  const actual = stage.classList.contains("actual");
  if (event.target === find("viewer-picture")) useActualSize(!actual, event);
  else if (!actual) viewer.close();
});
viewer.addEventListener("keydown", press);
viewer.addEventListener("close", close);
find("viewer-close").addEventListener("click", () => viewer.close());
find("viewer-previous").addEventListener("click", () => turn(-1));
find("viewer-next").addEventListener("click", () => turn(1));
find("viewer-map").addEventListener("click", () => showMap(map === null ? tilesOf(links[place]).keys().next().value : null));
find("viewer-size").addEventListener("click", () => useActualSize(!stage.classList.contains("actual")));
showControls();
keepNearPicturesOnly();
