/* Reading and changing what an element carries. Every change is a command of the editor: it can be undone. */

const SPIFF = "spiffworkflow:";

/** What the panel calls to read and to write; one per editor. */
export class Model {
  constructor(editor) {
    this.editor = editor;
    for (const name of ["modeling", "moddle", "bpmnFactory", "elementRegistry", "canvas", "commandStack", "selection"]) this[name] = editor.get(name);
  }

  get definitions() { return this.editor.getDefinitions(); }

  // -- plain properties ------------------------------------------------------------------------------------------

  set(element, values) { this.modeling.updateProperties(element, values); }

  setIn(element, part, values) { this.modeling.updateModdleProperties(element, part, values); }

  make(type, values = {}, parent = null) {
    const made = this.bpmnFactory.create(type, values);
    if (parent) made.$parent = parent;
    return made;
  }

  /** An expression of `type` (a FormalExpression by default), or undefined for an empty text. */
  expression(text, parent) { return text ? this.make("bpmn:FormalExpression", { body: text }, parent) : undefined; }

  // -- extensions ------------------------------------------------------------------------------------------------

  extension(holder, type) { return holder.extensionElements?.values?.find((each) => each.$type === SPIFF + type) || null; }

  /** Puts `made` (or nothing) in the place of the extension of that type; extensionElements go when they are empty. */
  putExtension(element, holder, type, made) {
    const held = holder.extensionElements;
    const others = (held?.values || []).filter((each) => each.$type !== SPIFF + type);
    const values = made ? [...others, made] : others;
    if (!held) {
      if (!made) return;
      const fresh = this.make("bpmn:ExtensionElements", { values }, holder);
      made.$parent = fresh;
      this.setIn(element, holder, { extensionElements: fresh });
    } else if (!values.length) {
      this.setIn(element, holder, { extensionElements: undefined });
    } else {
      if (made) made.$parent = held;
      this.setIn(element, held, { values });
    }
  }

  text(holder, type) { return this.extension(holder, type)?.value?.trim() || ""; }

  setText(element, holder, type, value) {
    this.putExtension(element, holder, type, value ? this.make(SPIFF + type, { value }) : null);
  }

  property(holder, name) {
    return this.extension(holder, "Properties")?.properties?.find((each) => each.name === name)?.value || "";
  }

  properties(holder) { return this.extension(holder, "Properties")?.properties || []; }

  /** Writes one named property; an empty value removes it. The others, known to us or not, stay in their order. */
  setProperty(element, holder, name, value) {
    const held = this.extension(holder, "Properties");
    const present = held?.properties?.find((each) => each.name === name);
    if (present && value) return this.setIn(element, present, { value });
    if (!present && !value) return undefined;
    const rest = (held?.properties || []).filter((each) => each !== present);
    if (!value && !rest.length) return this.putExtension(element, holder, "Properties", null);
    const properties = value ? [...rest, this.make(`${SPIFF}Property`, { name, value })] : rest;
    if (held) {
      for (const each of properties) each.$parent = held;
      return this.setIn(element, held, { properties });
    }
    const made = this.make(`${SPIFF}Properties`, { properties });
    for (const each of properties) each.$parent = made;
    return this.putExtension(element, holder, "Properties", made);
  }

  // -- operations ------------------------------------------------------------------------------------------------

  operator(bo) {
    const found = this.extension(bo, "ServiceTaskOperator");
    if (!found) return { name: "", result: "", parameters: [] };
    return { name: found.id || "", result: found.resultVariable || "", parameters: found.parameterList?.parameters || [] };
  }

  /** Writes the whole operator. `parameters`: [{id, type, value}]; those without a value are left out. */
  setOperator(element, { name, result, parameters }) {
    const operator = this.make(`${SPIFF}ServiceTaskOperator`, { id: name, resultVariable: result || undefined });
    const list = this.make(`${SPIFF}Parameters`, {}, operator);
    list.parameters = parameters.filter((each) => each.value !== undefined && each.value !== "")
      .map(({ id, type, value }) => this.make(`${SPIFF}Parameter`, { id, type: type || "str", value }, list));
    operator.parameterList = list;
    this.putExtension(element, element.businessObject, "ServiceTaskOperator", name ? operator : null);
  }

  // -- messages, signals, errors, escalations ------------------------------------------------------------------------

  roots(type) { return (this.definitions.rootElements || []).filter((each) => each.$type === `bpmn:${type}`); }

  /** The root element of that type and name, made when there is none. Errors and escalations are known by their code. */
  root(element, type, name) {
    const code = { Error: "errorCode", Escalation: "escalationCode" }[type];
    const found = this.roots(type).find((each) => (code ? each[code] || each.name : each.name) === name);
    if (found) return found;
    const taken = new Set((this.definitions.rootElements || []).map((each) => each.id));
    const stem = `${type.toLowerCase()}_${identifierOf(name) || "sans_nom"}`;
    let id = stem;
    for (let number = 2; taken.has(id) || this.elementRegistry.get(id); number += 1) id = `${stem}_${number}`;
    const made = this.make(`bpmn:${type}`, { id, name, ...(code ? { [code]: name } : {}) }, this.definitions);
    this.setIn(element, this.definitions, { rootElements: [made, ...this.definitions.rootElements] });
    return made;
  }

  // -- lanes -------------------------------------------------------------------------------------------------------

  lanes() { return this.elementRegistry.filter((element) => element.type === "bpmn:Lane" && !element.businessObject.childLaneSet); }

  laneOf(element) {
    let held = element.businessObject;
    while (held && held.$type !== "bpmn:Process" && held.$type !== "bpmn:Definitions") {
      const at = held;
      const lane = this.lanes().find((each) => (each.businessObject.flowNodeRef || []).includes(at));
      if (lane) return lane;
      held = held.$parent;
    }
    return null;
  }

  moveToLane(element, lane) {
    const y = lane.y + lane.height / 2 - (element.y + element.height / 2);
    this.modeling.moveElements([element], { x: 0, y }, element.parent);
  }

  // -- ids ---------------------------------------------------------------------------------------------------------

  isFree(id) { return !this.elementRegistry.get(id) && !this.moddle.ids.assigned(id); }

  /** Names an element; a machine's id (« Activity_0k2x9z1 ») follows the first name given, since scenarios and running
      cases speak of steps by their ids. */
  rename(element, name) {
    const bo = element.businessObject;
    const values = { name: name || undefined };
    const stem = identifierOf(name);
    if (stem && /^(Activity|Event|Gateway|Flow|Lane)_[0-9a-z]{7}$/.test(bo.id)) {
      let id = stem;
      for (let number = 2; !this.isFree(id); number += 1) id = `${stem}_${number}`;
      values.id = id;
    }
    this.set(element, values);
  }
}

/** « Contrôler l’absence » → controler_l_absence: small letters, digits and underscores, beginning with a letter. */
export function identifierOf(text) {
  return (text || "").toLowerCase().replaceAll("œ", "oe").replaceAll("æ", "ae").normalize("NFD").replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "_").replace(/^[_0-9]+|_+$/g, "").slice(0, 40).replace(/_+$/, "");
}
