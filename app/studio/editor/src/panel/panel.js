/* The properties panel: what the selected element is, says and does, in the portal's own fields. It is also how a diagram is
   edited without a mouse: it walks, adds, connects, changes and removes. */
import { calmly, h, patchChildren } from "../dom.js";
import { inOrder, localType, titleOf, wordFor } from "../kinds.js";
import { identifierOf } from "../model.js";
import { isActivity, mayEdge, mayFollow, mayInsert } from "../menus.js";
import { flowGroups, paths } from "./conditions.js";
import { eventGroups, messageTask } from "./events.js";
import { Form } from "./form.js";
import { endGroups, humanTask, lane, laneGroups } from "./people.js";
import { callActivity, decision, repetition, scriptTask, scripts, serviceTask } from "./portal.js";

const GROUPS = {
  UserTask: [humanTask], ManualTask: [humanTask], ServiceTask: [serviceTask], BusinessRuleTask: [decision], ScriptTask: [scriptTask],
  CallActivity: [callActivity], SendTask: [messageTask], ReceiveTask: [messageTask], SequenceFlow: [flowGroups], Lane: [laneGroups],
  ExclusiveGateway: [paths], InclusiveGateway: [paths], EndEvent: [endGroups, eventGroups], StartEvent: [eventGroups],
  BoundaryEvent: [eventGroups], IntermediateCatchEvent: [eventGroups], IntermediateThrowEvent: [eventGroups],
};
const KNOWN_PROPERTIES = {
  UserTask: ["statut", "form", "champs", "aide", "echeance"], ManualTask: ["statut", "form", "champs", "aide", "echeance"], EndEvent: ["statut"], Lane: ["role"],
  IntermediateCatchEvent: ["statut"], ReceiveTask: ["statut"],
};

export class Panel {
  constructor(root, model, catalogue, { problems, open }) {
    Object.assign(this, { root, model, problems, open });
    this.unfinished = new Map();
    this.refusals = new Map();
    this.typing = new Map();
    this.catalogue = catalogue;
    this.shown = null;
    this.draw = calmly(() => this.drawNow());
    root.addEventListener("change", (event) => this.changed(event));
    root.addEventListener("input", (event) => { if (event.target.matches("input[type=text], textarea")) event.target.unwritten = true; });
    root.addEventListener("click", (event) => this.clicked(event));
    root.addEventListener("keydown", (event) => { // Enter leaves a line of text, and so writes it
      if (event.key === "Enter" && event.target.matches("input[type=text]")) { event.preventDefault(); this.write(event.target); }
    });
    const { editor } = model;
    editor.get("commandStack").registerHandler("studio.together", class { preExecute(context) { context.act(); } });
    editor.on("selection.changed", ({ newSelection }) => this.show(newSelection.length === 1 ? newSelection[0] : null));
    editor.on("commandStack.changed", () => this.draw());
  }

  // -- what its fields ask -----------------------------------------------------------------------------------------

  set catalogue(given) {
    this.known = Object.fromEntries(["roles", "forms", "operations", "variables", "messages", "decisions", "procedures", "functions"].map((key) => [key, given?.[key] || this.known?.[key] || []]));
  }

  get catalogue() { return this.known; }

  variableOptions(wanted = () => true) {
    return this.known.variables.filter(wanted).map(({ name, label, source }) => ({ value: name, label: label && label !== name ? `${label} (${name})` : name, group: source }));
  }

  folded(text) { return identifierOf(text).replaceAll("_", "-"); }

  roleOfLane(element) {
    return element ? this.model.property(element.businessObject, "role") || this.folded(element.businessObject.name) : "";
  }

  /** Several changes as one step of undo. */
  together(act) { this.model.commandStack.execute("studio.together", { act }); }

  /** Says (or stops saying) why what was typed in a field was not kept; what was typed stays there. */
  refuse(key, reason) {
    if (reason) this.refusals.set(key, reason); else this.refusals.delete(key);
    if (!reason) this.typing.delete(key);
    this.draw();
  }

  typed(key) { return this.refusals.has(key) ? this.typing.get(key) : undefined; }

  // -- drawing -----------------------------------------------------------------------------------------------------

  show(element) {
    this.commit();
    this.shown = element?.labelTarget || element;
    for (const memory of [this.unfinished, this.refusals, this.typing]) memory.clear();
    this.draw();
  }

  drawNow() {
    if (this.shown && !this.model.elementRegistry.get(this.shown.id)) this.shown = null;
    const form = new Form();
    this.form = form;
    const element = this.shown || this.model.canvas.getRootElement();
    const content = h("div", {}, form.datalist("studio-variables", this.known.variables.map(({ name, label }) => ({ value: name, label }))),
      this.heading(form, element), this.shown ? this.ofElement(form, element) : this.ofProcess(form, element));
    patchChildren(this.root, content);
  }

  heading(form, element) {
    const select = (id) => this.open(id);
    const options = inOrder(this.model.elementRegistry).map((each) => ({ value: each.id, label: `${titleOf(each)} – ${wordFor(each)}`, group: this.laneName(each) }));
    const groups = [...new Set(options.map((each) => each.group))];
    const ordered = groups.flatMap((group) => options.filter((each) => each.group === group));
    const here = this.shown && ordered.some((each) => each.value === element.id) ? element.id : "";
    return h("div", { class: "studio-panel__head", "data-key": "head" },
      form.select("aller", "Aller à l’élément", here, ordered, (id) => select(id), { empty: this.shown && !here ? "Autre élément" : "Le processus entier" }),
      h("h2", { class: "studio-panel__title", text: this.shown ? titleOf(element) : "Le processus" }),
      h("p", { class: "studio-panel__kind", text: this.shown ? wordFor(element) : "Choisissez un élément du diagramme pour le modifier." }));
  }

  laneName(element) {
    const found = this.model.laneOf(element);
    return found ? `Couloir ${found.businessObject.name || found.id}` : "";
  }

  ofProcess(form, root) {
    const process = this.model.definitions.rootElements.find((each) => each.$type === "bpmn:Process");
    const pool = this.model.elementRegistry.find((each) => each.type === "bpmn:Participant" && each.businessObject.processRef === process);
    const holder = pool || root;
    const rename = (name) => this.together(() => {
      this.model.setIn(holder, process, { name: name || undefined });
      if (pool) this.model.set(pool, { name: name || undefined });
    });
    return [form.group("", form.text("nom", "Nom du processus", process?.name, (name) => rename(name.trim()))), this.actions(form, null),
      form.details("Technique", form.says(`Identifiant : ${process?.id || ""} (il sert d’adresse à la démarche)`))];
  }

  ofElement(form, element) {
    const bo = element.businessObject;
    const type = localType(element);
    const isNote = type === "TextAnnotation";
    const groups = (GROUPS[type] || []).flatMap((group) => group(this, element, form));
    const activity = isActivity(element);
    return [
      this.said(element),
      form.group("", isNote ? form.area("texte", "Texte de la note", bo.text, (text) => this.model.set(element, { text }))
        : type === "SequenceFlow" ? form.text("nom", "Texte écrit sur le flux", bo.name, (name) => this.model.set(element, { name: name.trim() || undefined }))
          : form.text("nom", "Nom", bo.name, (name) => this.model.rename(element, name.trim()))),
      groups,
      bo.$instanceOf("bpmn:FlowNode") && !["UserTask", "ManualTask"].includes(type) && type !== "BoundaryEvent" && this.model.lanes().length > 0 && form.group("", lane(this, element, form)),
      activity && scripts(this, element, form),
      activity && repetition(this, element, form),
      this.actions(form, element),
      this.technical(form, element),
    ];
  }

  /** What verification says of this element, at the top of its panel. */
  said(element) {
    const found = this.problems(element.id);
    return found.length ? h("ul", { class: "studio-said", "data-key": "said" }, found.map(({ severity, message, remedy }) =>
      h("li", { "data-severity": severity }, h("strong", { text: severity === "error" ? "Erreur : " : "À vérifier : " }), message, " ", h("span", { class: "quiet", text: remedy })))) : null;
  }

  actions(form, element) {
    const menus = this.model.editor.get("menus");
    if (!element) return form.group("Actions", form.button("ajouter", "Ajouter un élément…", () => menus.open("studio-place", this.model.canvas.getRootElement())));
    const open = (id) => () => menus.open(id, element);
    return form.group("Actions", h("div", { class: "studio-actions", "data-key": "actions" },
      mayFollow(element).length > 0 && form.button("ajouter", "Ajouter ensuite…", open("studio-append")),
      mayInsert(element).length > 0 && form.button("inserer", "Insérer ici…", open("studio-insert")),
      menus.connectable(element).length > 0 && form.button("relier", "Relier à…", open("studio-connect")),
      mayEdge(element).length > 0 && form.button("bord", "Poser sur le bord…", open("studio-edge")),
      !this.model.editor.get("popupMenu").isEmpty(element, "bpmn-replace") && form.button("genre", "Changer de genre…", open("bpmn-replace")),
      element.type === "bpmn:Lane" && form.button("couloir-dessous", "Ajouter un couloir au-dessous", () => this.model.modeling.addLane(element, "bottom")),
      element.type !== "bpmn:Participant" && form.button("supprimer", "Supprimer", () => this.remove(element), { "data-color": "danger" })));
  }

  remove(element) {
    this.model.modeling.removeElements([element]);
    this.root.querySelector("#studio-aller")?.focus();
  }

  technical(form, element) {
    const bo = element.businessObject;
    const known = KNOWN_PROPERTIES[localType(element)] || [];
    const others = this.model.properties(bo).filter(({ name }) => !known.includes(name));
    const write = (id) => {
      const wanted = id.trim();
      const wrong = wanted !== bo.id && (!/^[A-Za-z][\w-]*$/.test(wanted) ? "Lettres sans accent, chiffres, tirets, en commençant par une lettre." : !this.model.isFree(wanted) && "Cet identifiant est déjà pris.");
      this.refuse("identifiant", wrong || "");
      if (!wrong && wanted !== bo.id) this.model.set(element, { id: wanted });
    };
    return form.details("Technique",
      form.text("identifiant", "Identifiant", this.typed("identifiant") ?? bo.id, write, { mono: true, error: this.refusals.get("identifiant"), hint: "Les scénarios et les demandes en cours désignent l’étape par cet identifiant." }),
      others.map(({ name, value }) => form.text(`propriete-${name}`, `Propriété « ${name} »`, value, (text) => this.model.setProperty(element, bo, name, text.trim()), { mono: true })));
  }

  // -- listening ---------------------------------------------------------------------------------------------------

  changed(event) {
    if (event.target.dataset.field) this.write(event.target);
  }

  write(control) {
    const key = control.dataset.field;
    const isText = control.matches("input[type=text], textarea");
    if (isText && !control.unwritten) return; // Enter, then leaving: once
    control.unwritten = false;
    this.typing.set(key, control.value);
    this.form.acts.get(key)?.(control.value, control);
  }

  clicked(event) {
    const act = event.target.closest("[data-act]")?.dataset.act;
    this.draw.flush(); // the button acts on what was just written
    if (act) this.form.acts.get(act)?.(event);
  }

  /** Writes what is being typed, before a save or another element. */
  commit() {
    for (const field of this.root.querySelectorAll("[data-field]")) if (field.unwritten) this.write(field);
  }

  /** Puts the keyboard on the element's first field. */
  focus() { (this.root.querySelector("#studio-nom, #studio-texte") || this.root.querySelector("input, select, textarea"))?.focus(); }
}
