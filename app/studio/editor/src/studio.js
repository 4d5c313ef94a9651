/* The diagram of a draft, to edit. What the page gives and what the server answers: CONTRACT.md. */
import { conflict, help } from "./dialogs.js";
import { h } from "./dom.js";
import { begin, fit as fitAll, typeface } from "./drawn.js";
import { bindKeyboard } from "./keyboard.js";
import { localType, titleOf } from "./kinds.js";
import { Model } from "./model.js";
import { makeEditor } from "./modeler.js";
import { announce, clock, drawn, failed, followLinks, roots, saveBeforeLeaving } from "./page.js";
import { Panel } from "./panel/panel.js";
import { Problems, watchProblems } from "./problems.js";
import { Saving, keepPresence } from "./saving.js";
import { savingLine, tool, zoomTools } from "./toolbar.js";

/** The parts of the page, before the diagram is in. */
function build(root) {
  const canvas = h("div", { class: "studio-canvas" });
  const content = h("div", { class: "studio-panel__content" });
  const sheet = h("button", { type: "button", class: "studio-sheet", "aria-expanded": "false" }, "Le processus");
  const panel = h("aside", { class: "studio-panel", "aria-label": "Propriétés" }, sheet, content);
  const bar = h("div", { class: "studio-bar" });
  const notice = h("div", { class: "studio-notice", role: "status" });
  const spoken = h("p", { class: "visually-hidden", role: "status" });
  const problems = h("section", { class: "studio-problems" });
  sheet.addEventListener("click", () => open(panel.dataset.open !== "true"));
  const open = (on) => {
    panel.dataset.open = String(on);
    sheet.setAttribute("aria-expanded", String(on));
  };
  root.append(h("div", { class: "studio" }, bar, notice, h("div", { class: "studio-frame" }, canvas, panel), problems, spoken));
  return { canvas, content, bar, notice, spoken, problems, panel, sheet, open };
}

function historyTools(editor) {
  const stack = editor.get("commandStack");
  const undo = tool("undo", "Annuler", () => stack.undo());
  const redo = tool("redo", "Rétablir", () => stack.redo());
  const show = () => {
    undo.disabled = !stack.canUndo();
    redo.disabled = !stack.canRedo();
  };
  editor.on("commandStack.changed", show);
  show();
  return h("div", { class: "studio-bar__group", role: "group", "aria-label": "Modifications" }, undo, redo);
}

const TONES = { checking: "waiting", error: "danger", warning: "success", clean: "success" };

/** The tag at the top of the page says what the bar says: it was written when the page was. */
function sayVerdict(said, state) {
  const tag = document.querySelector("[data-draft-verdict] > *");
  if (!tag) return;
  tag.dataset.tone = TONES[state];
  tag.replaceChildren(h("span", { text: `Brouillon · ${said.toLowerCase()}` }));
}

function viewTools(editor, fit, problems, parts) {
  const minimap = editor.get("minimap");
  const map = h("button", { type: "button", class: "studio-tool studio-tool--wide", "aria-pressed": "false", on: { click: () => { minimap.toggle(); map.setAttribute("aria-pressed", String(minimap.isOpen())); } } }, "Vue d’ensemble");
  const count = h("button", { type: "button", class: "studio-tool studio-tool--wide", on: { click: () => { parts.problems.scrollIntoView({ block: "nearest" }); parts.problems.querySelector("button, a")?.focus(); } } });
  problems.changed = (list, checking) => {
    count.textContent = problems.said;
    count.dataset.state = checking ? "checking" : list.some((each) => each.severity === "error") ? "error" : list.length ? "warning" : "clean";
    sayVerdict(problems.said, count.dataset.state);
    parts.redraw();
    announce(parts.root, "problems", { problems: list });
  };
  return [zoomTools(editor, fit), h("div", { class: "studio-bar__group" }, map, count, tool("search", "Rechercher (Ctrl + F)", () => { editor.get("canvas").focus(); editor.get("searchPad").open(); }), tool("help", "Raccourcis du clavier", help))];
}

/** Selects, and centres what is out of sight (`left`: pixels under the palette); false when the diagram has no such element. */
function selecting(editor, left) {
  return (id) => {
    const element = editor.get("elementRegistry").get(id);
    if (!element || !element.parent) return false;
    editor.get("selection").select(element);
    const { x, y, width = 0, height = 0 } = element.waypoints ? element.waypoints[Math.floor(element.waypoints.length / 2)] : element;
    const canvas = editor.get("canvas");
    const view = canvas.viewbox();
    const seen = x >= view.x + left() / view.scale && y >= view.y && x + width <= view.x + view.width && y + height <= view.y + view.height;
    if (!seen) canvas.viewbox({ ...view, x: x + width / 2 - view.width / 2, y: y + height / 2 - view.height / 2 });
    return true;
  };
}

async function start(root, data) {
  const parts = { root, redraw: () => {}, ...build(root) };
  const csrf = root.dataset.csrf;
  const editor = makeEditor(parts.canvas);
  await typeface();
  const { warnings } = await editor.importXML(data.xml);
  if (warnings.length) throw new Error(`l’éditeur en perdrait une partie : ${warnings[0].message.split("\n")[0]}`);
  drawn(root);
  const palette = () => { const box = parts.canvas.querySelector(".djs-palette").getBoundingClientRect(); return box.width ? box.width + 16 : 0; };
  const fit = () => fitAll(editor, palette());
  const select = selecting(editor, palette);
  const problems = new Problems(parts.problems, { editor, select, known: (id) => Boolean(editor.get("elementRegistry").get(id)) });
  const panel = new Panel(parts.content, new Model(editor), data.catalogue, { problems: (id) => problems.of(id), open: select });
  parts.redraw = () => panel.draw();
  const read = async () => (await editor.saveXML({ format: true })).xml;
  const { line, say } = savingLine(root.dataset.signIn || "/connexion");
  const told = ({ problems: found, catalogue }) => {
    if (catalogue) panel.catalogue = catalogue;
    problems.show(found);
  };
  const watch = watchProblems(data.urls.problems, told);
  const saving = new Saving({
    url: data.urls.save, csrf, revision: data.revision, read,
    say: (state, details) => {
      say(state, state === "saved" ? { ...details, saved_at: details.saved_at || clock() } : details);
      if (state === "saved") {
        told({ problems: details.problems, catalogue: details.catalogue });
        if (!details.problems) watch(details.revision);
        announce(root, "saved", { revision: details.revision });
      }
      if (state === "stopped") {
        announce(root, "conflict", { reason: details.reason || "" });
        conflict(details, { read, fileName: data.file_name || "diagramme.bpmn", takeOver: data.urls.take_over, csrf: saving.csrf });
      }
    },
  });
  const save = () => { panel.commit(); return saving.now(); };
  saveBeforeLeaving(() => { panel.commit(); return saving.unsaved && !saving.stopped; }, save);
  editor.on("commandStack.changed", () => saving.changed());
  document.addEventListener("visibilitychange", () => { if (document.hidden) panel.commit(); });
  parts.bar.append(historyTools(editor), ...viewTools(editor, fit, problems, parts), line);
  problems.show(data.problems ?? null);
  if (!data.problems) watch(data.revision);
  bindKeyboard(editor, { panel, fit, save, root, say: (text) => { parts.spoken.textContent = text; } });
  editor.on("selection.changed", ({ newSelection }) => { // a listener that returns something would keep it from the next ones
    const one = newSelection.length === 1 ? newSelection[0] : null;
    parts.sheet.textContent = one ? `Modifier : ${titleOf(one)}` : "Le processus";
    announce(root, "selection", one ? { id: one.id, type: localType(one) } : { id: null, type: null });
  });
  editor.on("popupMenu.open", () => parts.open(false)); // on a phone the menu would open under the sheet
  keepPresence({ url: data.urls.presence, saving, others: (names) => {
    parts.notice.textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "lisent" : "lit"} ce brouillon en ce moment.` : "";
  } });
  panel.draw();
  begin(editor, palette());
  followLinks(select);
  root.studio = { editor, panel, saving }; // for tests and for the curious
  announce(root, "ready", {});
}

for (const { root, data } of roots("studio")) start(root, data).catch((error) => failed(root, error));
