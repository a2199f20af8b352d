"use strict";
// What all panes draw with. Text from the data only ever becomes text nodes.

const data = JSON.parse(document.getElementById("data").textContent);

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "click") element.addEventListener("click", value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function makeSvg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function withTitle(element, text) {
  element.append(makeSvg("title", {}, text));
  return element;
}

function scroll(...children) {
  return make("div", { class: "scroll" }, ...children);
}

/** Rows of cells: strings, numbers or elements. */
function makeTable(heads, rows) {
  const cell = (value) =>
    typeof value === "number"
      ? make("td", { class: "number" }, value.toLocaleString("en"))
      : make("td", {}, value === null || value === undefined ? "" : value);
  return scroll(make("table", {},
    make("tr", {}, ...heads.map((head) => make("th", {}, head))),
    ...rows.map((row) => make("tr", {}, ...row.map(cell)))));
}

function formatBytes(bytes) {
  if (typeof bytes !== "number") return bytes === null ? "depends on data" : `${bytes} bytes`;
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit + 1 < units.length) { bytes /= 1024; ++unit; }
  return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
}

function sizeText(size) {
  return size === null ? "?" : typeof size === "number" ? size.toLocaleString("en") : String(size);
}

/** "model.fov:9" as a link into the pane of the IR. `place` is [file, line] or an object. */
function placeLink(place) {
  if (!place) return "";
  let [file, line] = Array.isArray(place) ? place : [
    data.files.findIndex((known) => known.name === place.file), place.line];
  const name = Array.isArray(place) ? data.files[file].name : place.file;
  const text = `${name.split("/").pop()}:${line}`;
  if (file < 0) return text;
  return make("button", { class: "link", click: () => showPlace(file, line) }, text);
}
