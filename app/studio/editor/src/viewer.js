/* A diagram to read: counts, coverage, problems, or the differences between two versions. See CONTRACT.md. */
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer.js";
import { h } from "./dom.js";
import { DRAWN, begin, fit, typeface } from "./drawn.js";
import { FRENCH, speaking } from "./french.js";
import { extensions } from "./moddle.js";
import { announce, drawn, failed, followLinks, roots } from "./page.js";
import { Problems } from "./problems.js";
import { zoomTools } from "./toolbar.js";
import { compare } from "./viewer/compare.js";
import { changeList, counts, coverage, differences, ghosts } from "./viewer/marks.js";

async function load(container, xml, label) {
  const viewer = new NavigatedViewer({ container, moddleExtensions: extensions, additionalModules: [{ translate: speaking(FRENCH) }], ...DRAWN });
  await viewer.importXML(xml);
  const drawing = container.querySelector("svg");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", label);
  return viewer;
}

/** Selects and centres in each viewer that knows the element; outlined for a while. */
function showing(viewers) {
  let shown = [];
  return (id) => {
    for (const [viewer, gone] of shown) viewer.get("canvas").removeMarker(gone, "studio-shown");
    shown = [];
    for (const viewer of viewers) {
      const element = viewer.get("elementRegistry").get(id);
      if (!element?.parent) continue;
      const canvas = viewer.get("canvas");
      const { x, y, width = 0, height = 0 } = element.waypoints ? element.waypoints[Math.floor(element.waypoints.length / 2)] : element;
      const view = canvas.viewbox();
      canvas.viewbox({ ...view, x: x + width / 2 - view.width / 2, y: y + height / 2 - view.height / 2 });
      canvas.addMarker(id, "studio-shown");
      shown.push([viewer, id]);
    }
    if (shown.length) shown[0][0].get("canvas").getContainer().scrollIntoView({ block: "nearest" });
  };
}

/** Two drawings that move together. */
function tie(one, other) {
  let moving = false;
  const follow = (from, to) => from.on("canvas.viewbox.changed", ({ viewbox }) => {
    const canvas = to.get("canvas");
    if (moving || !canvas.getContainer().clientWidth) return;
    moving = true;
    const { outer } = canvas.viewbox();
    canvas.viewbox({ x: viewbox.x, y: viewbox.y, width: outer.width / viewbox.scale, height: outer.height / viewbox.scale });
    moving = false;
  });
  follow(one, other);
  follow(other, one);
}

/** The older drawing, the newer one with what it lost drawn over it, and the choice between one picture and two. */
async function versus(data, frame, bar, canvas) {
  const away = h("div", { class: "studio-canvas studio-canvas--read" });
  const left = h("figure", { class: "studio-side", "data-side": "before" }, h("figcaption", { text: "Avant" }), away);
  const right = h("figure", { class: "studio-side", "data-side": "after" }, h("figcaption", { text: "Après" }), canvas);
  frame.append(left, right);
  frame.dataset.mode = "one";
  const after = await load(canvas, data.xml, `${data.label || "Diagramme"}, après`);
  const before = await load(away, data.before, `${data.label || "Diagramme"}, avant`);
  const found = compare(before, after);
  const changes = data.changes ? { moved: 0, ...found, ...data.changes } : found;
  differences(after, { ...changes, removed: [] });
  differences(before, { ...changes, added: [] });
  ghosts(before, after, changes.removed);
  const choice = h("button", { type: "button", class: "studio-tool studio-tool--wide", "aria-pressed": "false", on: { click: () => {
    const two = frame.dataset.mode === "one";
    frame.dataset.mode = two ? "two" : "one";
    choice.setAttribute("aria-pressed", String(two));
    for (const each of [before, after]) each.get("canvas").resized();
    begin(after);
  } } }, "Avant et après côte à côte");
  bar.append(h("div", { class: "studio-bar__group" }, choice));
  tie(before, after);
  return { viewers: [after, before], list: changeList(before, after, changes) };
}

async function start(root, data) {
  await typeface();
  const canvas = h("div", { class: "studio-canvas studio-canvas--read" });
  const bar = h("div", { class: "studio-bar" });
  const frame = h("div", { class: "studio-sides" });
  const under = h("div", { class: "studio-under" });
  root.append(h("div", { class: "studio-viewer" }, bar, frame, under));
  let viewers;
  if (data.before) {
    const { viewers: both, list } = await versus(data, frame, bar, canvas);
    viewers = both;
    under.append(list);
  } else {
    frame.append(canvas);
    viewers = [await load(canvas, data.xml, data.label || "Diagramme")];
  }
  const [viewer] = viewers;
  drawn(root);
  bar.prepend(zoomTools(viewer, () => fit(viewer)));
  const show = showing(viewers);
  if (data.coverage) under.append(coverage(viewer, data.coverage));
  if (data.nodes) under.append(counts(viewer, data.nodes) || "");
  if (data.problems) {
    const place = h("section", { class: "studio-problems" });
    under.append(place);
    new Problems(place, { editor: viewer, select: show, known: (id) => Boolean(viewer.get("elementRegistry").get(id)) }).show(data.problems);
  }
  begin(viewer);
  followLinks(show);
  viewer.on("element.click", ({ element }) => {
    const url = data.nodes?.[element.id]?.url;
    if (url) location.assign(url);
    announce(root, "selection", { id: element.id, type: element.type.replace("bpmn:", "") });
  });
  root.studio = { viewers };
  announce(root, "ready", {});
}

for (const { root, data } of roots("viewer")) start(root, data).catch((error) => failed(root, error));
