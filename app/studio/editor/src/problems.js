/* What verification found: a list under the diagram, marks on the elements, and the count in the bar. */
import { h, icon } from "./dom.js";

const WORDS = { error: "Erreur", warning: "À vérifier" };
const ICONS = { error: ["M12 3 22 20H2Z", "M12 9v5", "M12 17v.01"], warning: ["M12 3a9 9 0 1 0 .01 0", "M12 8v5", "M12 16v.01"] };

export const tally = (problems) => {
  const errors = problems.filter((each) => each.severity === "error").length;
  const others = problems.length - errors;
  const said = [errors && `${errors} erreur${errors > 1 ? "s" : ""}`, others && `${others} point${others > 1 ? "s" : ""} à vérifier`].filter(Boolean).join(", ");
  return said || "Aucun problème";
};

export class Problems {
  /** `select(id)` shows an element; `known(id)` says whether the diagram has it. `editor` may be missing (a table has no marks). */
  constructor(root, { editor, select, known, changed }) {
    Object.assign(this, { root, editor, select, known, changed });
    this.list = [];
    this.checking = false;
  }

  of(id) { return this.list.filter((each) => each.element_id === id); }

  /** Shows `problems` (null: being verified). */
  show(problems) {
    this.checking = problems === null || problems === undefined;
    if (!this.checking) this.list = problems;
    this.draw();
    this.mark();
    this.changed?.(this.list, this.checking);
  }

  get said() { return this.checking ? "Vérification en cours…" : tally(this.list); }

  draw() {
    const items = this.list.map((problem) => {
      const { severity, element_id: id, element_name: name, message, remedy, url } = problem;
      const place = this.known(id) ? h("button", { type: "button", class: "studio-link", on: { click: () => this.select(id) } }, name || id) : url ? h("a", { href: url, text: name || id }) : h("span", { text: name || id });
      return h("li", { "data-severity": severity }, icon(...ICONS[severity]), h("div", {},
        h("p", {}, h("strong", { text: `${WORDS[severity]} : ` }), place), h("p", { text: message }), h("p", { class: "quiet", text: remedy })));
    });
    this.root.replaceChildren(h("h2", { text: "Vérification" }), h("p", { role: "status", text: this.said }), items.length ? h("ul", { class: "studio-problems__list" }, items) : "");
  }

  mark() {
    if (!this.editor) return;
    const overlays = this.editor.get("overlays");
    const canvas = this.editor.get("canvas");
    overlays.remove({ type: "studio-problem" });
    for (const id of this.marked || []) if (this.known(id)) canvas.removeMarker(id, "studio-at-fault");
    this.marked = [...new Set(this.list.map((each) => each.element_id))].filter((id) => this.known(id));
    for (const id of this.marked) {
      const found = this.of(id);
      const worst = found.some((each) => each.severity === "error") ? "error" : "warning";
      const title = found.map((each) => `${WORDS[each.severity]} : ${each.message}`).join("\n");
      const mark = h("button", { type: "button", class: "studio-mark", "data-severity": worst, title, "aria-label": title, on: { click: () => this.select(id) } }, icon(...ICONS[worst]));
      overlays.add(id, "studio-problem", { position: { top: -12, right: 12 }, html: mark, show: { minZoom: 0.3 } });
      if (worst === "error") canvas.addMarker(id, "studio-at-fault");
    }
  }
}

/** Asks for the problems of a revision until they are known. `told` receives each answer. */
export function watchProblems(url, told) {
  let wanted = 0;
  return async (revision) => {
    wanted = revision;
    for (let turn = 0; url && turn < 60 && wanted === revision; turn += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
      if (wanted !== revision) return;
      const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json", "X-Requested-With": "fetch" } }).catch(() => null);
      const found = answer?.ok ? await answer.json().catch(() => null) : null;
      if (found && found.problems && found.revision >= revision && wanted === revision) { told(found); return; }
    }
  };
}
