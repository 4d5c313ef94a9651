/* One decision table, to edit: an ordinary table of fields (docs/decisions/0016). See CONTRACT.md. */
import { conflict } from "./dialogs.js";
import { calmly, h, icon, patchChildren } from "./dom.js";
import { announce, clock, drawn, failed, roots, saveBeforeLeaving } from "./page.js";
import { Form } from "./panel/form.js";
import { functions } from "./panel/portal.js";
import { Problems, watchProblems } from "./problems.js";
import { Saving, keepPresence } from "./saving.js";
import { POLICIES, Table } from "./table.js";
import { savingLine, tool } from "./toolbar.js";

const MARKS = { up: ["m6 14 6-6 6 6"], down: ["m6 10 6 6 6-6"], copy: ["M9 9h11v11H9Z", "M5 15H4V4h11v1"], remove: ["M5 7h14", "M10 7V4h4v3", "M7 7l1 13h8l1-13"] };
const TYPES = [{ value: "string", label: "Texte" }, { value: "number", label: "Nombre" }, { value: "boolean", label: "Oui ou non" }, { value: "date", label: "Date" }];

class TableEditor {
  constructor(root, table, catalogue, changed) {
    Object.assign(this, { root, table, catalogue, changed, known: { functions: [], variables: [], ...catalogue } });
    this.draw = calmly(() => this.drawNow());
    root.addEventListener("input", (event) => { if (event.target.matches("input, textarea")) event.target.unwritten = true; });
    root.addEventListener("change", ({ target }) => this.write(target));
    root.addEventListener("click", (event) => { const key = event.target.closest("[data-act]")?.dataset.act; if (key) this.form.acts.get(key)?.(); });
    root.addEventListener("keydown", (event) => this.key(event));
  }

  write(control) {
    if (!control.dataset.field || (control.matches("input") && !control.unwritten)) return;
    control.unwritten = false;
    this.form.acts.get(control.dataset.field)?.(control.value);
  }

  commit() { for (const control of this.root.querySelectorAll("input[data-field]")) if (control.unwritten) this.write(control); }

  /** Enter goes down a column, as in a spreadsheet. */
  key(event) {
    const cell = event.target.dataset?.cell;
    if (event.key !== "Enter" || !cell) return;
    event.preventDefault();
    this.write(event.target);
    const [column, line] = cell.split("/");
    this.root.querySelector(`[data-cell="${column}/${Number(line) + 1}"]`)?.select();
  }

  async act(change, focus) {
    if (await this.table.change(change)) this.changed();
    this.draw();
    if (focus) this.draw.flush();
    if (focus) this.root.querySelector(focus)?.select();
  }

  drawNow() {
    const { table } = this;
    const form = new Form();
    this.form = form;
    const policy = POLICIES.find((each) => each.value === table.policy);
    patchChildren(this.root, h("div", {},
      form.datalist("studio-variables", this.known.variables.map(({ name, label }) => ({ value: name, label }))),
      h("div", { class: "studio-table__head", "data-key": "head" },
        form.text("nom", "Nom de la table", table.decision.name, (name) => this.act(() => { table.decision.name = name.trim() || undefined; })),
        form.select("regle", "Réponse donnée", table.policy, POLICIES, (value) => this.act(() => { table.policy = value; }), { hint: policy?.told })),
      h("div", { class: "studio-scroll", tabindex: "0", role: "region", "aria-label": "Règles", "data-key": "rules" }, this.grid(form)),
      h("div", { class: "studio-actions", "data-key": "adding" },
        form.button("ajouter-regle", "Ajouter une règle", () => this.act(() => table.addRule(), `[data-cell="0/${table.rules.length}"]`)),
        form.button("ajouter-question", "Ajouter une question", () => this.act(() => table.addInput(), `#studio-expression-${table.inputs.length}`)),
        form.button("ajouter-reponse", "Ajouter une réponse", () => this.act(() => table.addOutput(), `#studio-variable-${table.outputs.length}`))),
      this.reminder(form)));
  }

  grid(form) {
    const { inputs, outputs, rules } = this.table;
    return h("table", { class: "studio-rules" },
      h("thead", {}, h("tr", {}, h("td", {}), inputs.map((input, index) => this.question(form, input, index)), outputs.map((output, index) => this.answer(form, output, index)),
        h("th", { scope: "col", class: "studio-rules__note", text: "Remarque" }), h("td", {}))),
      h("tbody", {}, rules.map((rule, line) => this.line(form, rule, line))));
  }

  question(form, input, index) {
    const { table } = this;
    const set = (change) => this.act(change);
    const expression = input.inputExpression;
    const name = input.label || expression?.text || `Question ${index + 1}`;
    return h("th", { scope: "col", "data-side": "when", "data-key": `question-${input.id}` }, h("span", { class: "studio-rules__kind", text: "Si" }),
      form.text(`expression-${index}`, "Variable ou calcul", expression?.text, (text) => set(() => table.setPart(input, "inputExpression", "LiteralExpression", text.trim())), { mono: true, list: "studio-variables" }),
      form.details(`Options (${name})`,
        form.text(`question-${index}`, "Question affichée", input.label, (text) => set(() => { input.label = text.trim() || undefined; })),
        form.select(`genre-${index}`, "Genre", expression?.typeRef || "", TYPES, (value) => set(() => { expression.typeRef = value || undefined; }), { empty: "Non précisé" }),
        form.text(`valeurs-${index}`, "Valeurs permises", input.inputValues?.text, (text) => set(() => table.setPart(input, "inputValues", "UnaryTests", text.trim())), { mono: true, hint: 'Par exemple : "A", "B", "C"' }),
        table.inputs.length > 1 && form.button(`retirer-question-${index}`, `Retirer « ${name} »`, () => set(() => table.removeColumn(table.inputs, "inputEntry", index)), { "data-color": "danger" })));
  }

  answer(form, output, index) {
    const { table } = this;
    const set = (change) => this.act(change);
    const name = output.label || output.name || `Réponse ${index + 1}`;
    return h("th", { scope: "col", "data-side": "then", "data-key": `reponse-${output.id}` }, h("span", { class: "studio-rules__kind", text: "Alors" }),
      form.text(`variable-${index}`, "Variable remplie", output.name, (text) => set(() => table.nameOutput(output, text)), { mono: true }),
      form.details(`Options (${name})`,
        form.text(`reponse-${index}`, "Réponse affichée", output.label, (text) => set(() => { output.label = text.trim() || undefined; })),
        form.select(`genre-reponse-${index}`, "Genre", output.typeRef || "", TYPES, (value) => set(() => { output.typeRef = value || undefined; }), { empty: "Non précisé" }),
        form.text(`valeurs-reponse-${index}`, "Valeurs permises", output.outputValues?.text, (text) => set(() => table.setPart(output, "outputValues", "UnaryTests", text.trim())), { mono: true }),
        form.text(`defaut-${index}`, "Si aucune règle ne convient", output.defaultOutputEntry?.text, (text) => set(() => table.setPart(output, "defaultOutputEntry", "LiteralExpression", text.trim())), { mono: true }),
        table.outputs.length > 1 && form.button(`retirer-reponse-${index}`, `Retirer « ${name} »`, () => set(() => table.removeColumn(table.outputs, "outputEntry", index)), { "data-color": "danger" })));
  }

  line(form, rule, line) {
    const { table } = this;
    const titles = [...table.inputs.map((each) => each.label || each.inputExpression?.text), ...table.outputs.map((each) => each.label || each.name)];
    const entries = [...rule.inputEntry || [], ...rule.outputEntry || []];
    return h("tr", { "data-key": rule.id || `ligne-${line}` }, h("th", { scope: "row", text: String(line + 1) }),
      entries.map((entry, column) => h("td", {}, this.cell(form, `case-${rule.id || line}-${column}`, `${column}/${line}`, `Règle ${line + 1}, ${titles[column] || `colonne ${column + 1}`}`, entry.text, (text) => { entry.text = text.trim(); }))),
      h("td", {}, this.cell(form, `remarque-${rule.id || line}`, `${entries.length}/${line}`, `Règle ${line + 1}, remarque`, rule.description, (text) => { rule.description = text.trim() || undefined; })),
      h("td", {}, h("div", { class: "studio-rules__acts" },
        this.mark(form, "up", `Monter la règle ${line + 1}`, line, line > 0, () => table.moveRule(line, -1)),
        this.mark(form, "down", `Descendre la règle ${line + 1}`, line, line < table.rules.length - 1, () => table.moveRule(line, 1)),
        this.mark(form, "copy", `Dupliquer la règle ${line + 1}`, line, true, () => table.addRule(line + 1, rule)),
        this.mark(form, "remove", `Retirer la règle ${line + 1}`, line, true, () => table.rules.splice(line, 1)))));
  }

  cell(form, key, place, label, value, change) {
    form.acts.set(key, (text) => this.act(() => change(text)));
    return h("input", { class: "ds-input studio-code", type: "text", value: value || "", "aria-label": label, "data-field": key, "data-key": key, "data-cell": place, autocomplete: "off", spellcheck: "false" });
  }

  mark(form, kind, label, line, possible, change) {
    const key = `${kind}-${line}`;
    form.acts.set(key, () => this.act(change));
    return h("button", { type: "button", class: "studio-tool", title: label, "aria-label": label, "data-act": key, "data-key": kind, disabled: !possible }, icon(...MARKS[kind]));
  }

  reminder(form) {
    const lines = [["400", "cette valeur"], ['"maladie"', "ce texte, entre guillemets droits"], ['"a", "b"', "l’une de ces valeurs"], ["< 10", "plus petit ; aussi <=, > et >="],
      ["[400..700[", "de 400 compris à 700 non compris"], ['not("a")', "tout sauf cela"], ["-", "n’importe quelle valeur ; une case vide aussi"]];
    return h("div", { class: "studio-reminder", "data-key": "reminder" },
      form.details("Ce qu’une case « Si » peut contenir", h("dl", { class: "studio-functions" }, lines.map(([what, told]) => [h("dt", {}, h("code", { text: what })), h("dd", { text: told })]))),
      this.known.functions.length > 0 && functions({ catalogue: this.known }, form));
  }
}

async function start(root, data) {
  const table = new Table();
  await table.open(data.xml);
  const csrf = root.dataset.csrf;
  const bar = h("div", { class: "studio-bar" });
  const notice = h("div", { class: "studio-notice", role: "status" });
  const content = h("div", { class: "studio-table__content" });
  const place = h("section", { class: "studio-problems" });
  root.append(h("div", { class: "studio-table" }, bar, notice, content, place));
  drawn(root);
  const { line, say } = savingLine(root.dataset.signIn || "/connexion");
  const problems = new Problems(place, { known: () => false, select: () => {}, changed: (list) => announce(root, "problems", { problems: list }) });
  const watch = watchProblems(data.urls.problems, (told) => problems.show(told.problems));
  const read = async () => table.xml;
  const saving = new Saving({
    url: data.urls.save, csrf, revision: data.revision, read,
    say: (state, details) => {
      say(state, state === "saved" ? { ...details, saved_at: details.saved_at || clock() } : details);
      if (state === "saved") {
        problems.show(details.problems);
        if (!details.problems) watch(details.revision);
        announce(root, "saved", { revision: details.revision });
      }
      if (state === "stopped") {
        announce(root, "conflict", { reason: details.reason || "" });
        conflict(details, { read, fileName: data.file_name || "table.dmn", takeOver: data.urls.take_over, csrf: saving.csrf });
      }
    },
  });
  const back = tool("undo", "Annuler", () => step("undo"));
  const again = tool("redo", "Rétablir", () => step("redo"));
  const shown = () => { back.disabled = !table.past.length; again.disabled = !table.future.length; };
  const editor = new TableEditor(content, table, data.catalogue, () => { shown(); saving.changed(); });
  const step = async (which) => { editor.commit(); await table[which](); editor.draw(); shown(); saving.changed(); };
  bar.append(h("div", { class: "studio-bar__group", role: "group", "aria-label": "Modifications" }, back, again), line);
  root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    const key = event.key.toLowerCase();
    if (key === "s") { event.preventDefault(); editor.commit(); setTimeout(() => saving.now(), 50); }
  });
  saveBeforeLeaving(() => { editor.commit(); return saving.unsaved && !saving.stopped; }, () => saving.now());
  shown();
  editor.draw();
  problems.show(data.problems ?? null);
  if (!data.problems) watch(data.revision);
  keepPresence({ url: data.urls.presence, saving, others: (names) => { notice.textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "lisent" : "lit"} ce brouillon en ce moment.` : ""; } });
  root.studio = { table, saving };
  announce(root, "ready", {});
}

for (const { root, data } of roots("dmn")) start(root, data).catch((error) => failed(root, error));
