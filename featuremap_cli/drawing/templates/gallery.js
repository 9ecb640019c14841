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
    item.hidden = column !== "" && item.dataset.column !== column;
  }
}

const NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

// A browser loads lazy pictures as they come near, and keeps them: 5,000 sheets of 2 MB would fill the memory.
function keepNearPicturesOnly() {
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      for (const link of target.querySelectorAll("a.sheet")) {
        const picture = link.firstElementChild;
        if (isIntersecting) picture.src = link.href;
        else picture.src = NOTHING;
      }
    }
  }, { rootMargin: "200%" });
  for (const article of articles) observer.observe(article);
}

const viewer = find("viewer");
const stage = find("stage");
let links = [];
let place = 0;

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
}

function turn(step) {
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
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  moves[event.key]();
}

function close() {
  find("viewer-picture").removeAttribute("src");
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
find("viewer-size").addEventListener("click", () => useActualSize(!stage.classList.contains("actual")));
showControls();
keepNearPicturesOnly();
