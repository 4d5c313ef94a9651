/* What is written beside the elements of a diagram that is read: counts, coverage, differences. Never a colour alone. */
import { h, icon } from "../dom.js";
import { inOrder, titleOf, wordFor } from "../kinds.js";

const CHECK = ["m5 12 5 5L20 7"];
const CROSS = ["M12 3a9 9 0 1 0 .01 0", "M8 8l8 8"];
const ALERT = ["M12 3 22 20H2Z", "M12 9v5", "M12 17v.01"];

const overlay = (viewer, id, html, position = spot(viewer, id)) => viewer.get("overlays").add(id, "studio-badge", { position, html, show: { minZoom: 0.3 } });
/* Above the element, beside the picture of its kind: names are under events, and events sit on the lower edges. */
const spot = (viewer, id) => (shape(viewer, id).width > 60 ? { top: -13, left: 26 } : { top: -13, left: 14 });
const shape = (viewer, id) => viewer.get("elementRegistry").get(id);

/** Live counts, median times and incidents, each a link where it leads somewhere. Returns the table that says the same. */
export function counts(viewer, nodes) {
  const known = Object.entries(nodes).filter(([id]) => shape(viewer, id));
  for (const [id, node] of known) {
    if (node.heat !== undefined && !shape(viewer, id).waypoints) viewer.get("canvas").addMarker(id, `studio-heat-${Math.min(4, Math.floor(node.heat * 5))}`);
    const words = [node.words ?? String(node.count ?? ""), node.median_words, node.incident_words].filter(Boolean).join(", ");
    const inside = [node.count !== undefined && h("b", { text: String(node.count) }), node.median && h("span", { text: node.median }),
      node.incidents > 0 && h("span", { class: "studio-badge__alert" }, icon(...ALERT), String(node.incidents))];
    if (inside.some(Boolean)) {
      overlay(viewer, id, h(node.url ? "a" : "span", { class: "studio-badge", href: node.url, title: words },
        h("span", { class: "visually-hidden", text: `${titleOf(shape(viewer, id))} : ${words}` }), h("span", { class: "studio-badge__short", "aria-hidden": "true" }, inside)));
    }
  }
  const rows = inOrder(viewer.get("elementRegistry")).filter((element) => nodes[element.id]).map((element) => {
    const node = nodes[element.id];
    return h("tr", {}, h("th", { scope: "row" }, node.url ? h("a", { href: node.url, text: titleOf(element) }) : titleOf(element)),
      h("td", { text: node.words ?? node.count ?? "" }), h("td", { text: node.median_words ?? node.median ?? "" }), h("td", { text: node.incidents ? node.incident_words ?? node.incidents : "" }));
  });
  return rows.length ? h("details", { class: "studio-said-too" }, h("summary", { text: "Les mêmes chiffres en tableau" }),
    h("div", { class: "studio-scroll", tabindex: "0", role: "group", "aria-label": "Chiffres par étape" }, h("table", { class: "studio-keys" }, h("thead", {}, h("tr", {}, ["Étape", "Demandes", "Durée", "Incidents"].map((each) => h("th", { scope: "col", text: each })))), h("tbody", {}, rows)))) : null;
}

/** How many scenarios meet each element. Returns the sentence and the list of those that none meets. */
export function coverage(viewer, met) {
  const missing = [];
  for (const [id, count] of Object.entries(met)) {
    const element = shape(viewer, id);
    if (!element) continue;
    viewer.get("canvas").addMarker(id, count ? "studio-covered" : "studio-uncovered");
    if (!count) missing.push(element);
    if (element.waypoints) continue;
    const words = count ? `${count} scénario${count > 1 ? "s" : ""}` : "aucun scénario";
    overlay(viewer, id, h("span", { class: "studio-badge", "data-tone": count ? "success" : "danger", title: words }, icon(...(count ? CHECK : CROSS)), h("span", { text: String(count) })));
  }
  const total = Object.keys(met).length;
  return h("div", { class: "studio-legend" },
    h("p", {}, icon(...(missing.length ? CROSS : CHECK)), missing.length ? `${total - missing.length} éléments sur ${total} sont parcourus par un scénario. Jamais parcourus :` : "Tous les éléments sont parcourus par un scénario."),
    missing.length > 0 && h("ul", {}, missing.map((element) => h("li", {}, h("a", { href: `#element=${element.id}`, text: titleOf(element) }), ` (${wordFor(element)})`))));
}

const TONES = { added: ["Ajouté", "success"], removed: ["Retiré", "danger"], changed: ["Modifié", "warning"] };

/** Marks what was added, removed or changed in one of the two diagrams. */
export function differences(viewer, changes) {
  const ids = { added: changes.added, removed: changes.removed, changed: Object.keys(changes.changed) };
  for (const [kind, [word, tone]] of Object.entries(TONES)) {
    for (const id of ids[kind]) {
      const element = shape(viewer, id);
      if (!element?.parent) continue;
      viewer.get("canvas").addMarker(id, `studio-${kind}`);
      if (!element.waypoints || element.source?.businessObject.$type.endsWith("Gateway")) {
        overlay(viewer, id, h("span", { class: "studio-badge", "data-tone": tone, text: word }), element.waypoints ? { top: 0, left: 0 } : { top: -14, left: 4 });
      }
    }
  }
}

/** Draws over the newer diagram what only the older one holds. */
export function ghosts(older, newer, removed) {
  const layer = newer.get("canvas").getLayer("studio-removed", 1);
  for (const id of removed) {
    const element = older.get("elementRegistry").get(id);
    if (!element?.parent || ["bpmn:Participant", "bpmn:Lane"].includes(element.type)) continue;
    for (const each of [element, ...element.labels]) {
      const copy = older.get("elementRegistry").getGraphics(each).cloneNode(true);
      copy.setAttribute("class", `${copy.getAttribute("class")} studio-removed`);
      copy.removeAttribute("data-element-id");
      for (const part of copy.querySelectorAll(".djs-hit, .djs-outline")) part.remove();
      layer.append(copy);
    }
    if (element.waypoints) continue;
    const word = document.createElementNS("http://www.w3.org/2000/svg", "text");
    word.setAttribute("x", element.x + 4);
    word.setAttribute("y", element.y - 5);
    word.setAttribute("class", "studio-removed-word");
    word.textContent = TONES.removed[0];
    layer.append(word);
  }
}

/** The list of changes, for whoever does not see the pictures. */
export function changeList(before, after, changes) {
  const line = (viewer, id, words = []) => {
    const element = shape(viewer, id);
    if (!element) return null;
    return h("li", {}, h("a", { href: `#element=${id}`, text: titleOf(element) }), ` (${wordFor(element)})`, words.length > 0 && h("ul", {}, words.map((each) => h("li", { text: each }))));
  };
  const part = (kind, title, lines) => lines.length > 0 && h("div", { class: "studio-changes", "data-tone": TONES[kind][1] }, h("h3", { text: title }), h("ul", {}, lines));
  const nothing = !changes.added.length && !changes.removed.length && !Object.keys(changes.changed).length;
  return h("div", { class: "studio-legend" },
    nothing && h("p", { text: "Le diagramme est le même." }),
    part("added", "Ajouté", changes.added.map((id) => line(after, id))),
    part("removed", "Retiré", changes.removed.map((id) => line(before, id))),
    part("changed", "Modifié", Object.entries(changes.changed).map(([id, words]) => line(after, id, words))),
    changes.moved > 0 && h("p", { class: "quiet", text: changes.moved > 1 ? `${changes.moved} éléments ont seulement changé de place.` : "Un élément a seulement changé de place." }));
}
