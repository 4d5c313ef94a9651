/* What an editor offers to add, connect or change: the palette, the pad beside an element, and the menus, all of buttons. */
import { selfAndAllChildren } from "diagram-js/lib/util/Elements.js";
import BpmnReplaceMenuProvider from "bpmn-js/lib/features/popup-menu/ReplaceMenuProvider.js";
import { EDGES, GROUPS, KINDS, inOrder, localType, titleOf, wordFor } from "./kinds.js";

const byKeyboard = (event) => !event || event.type === "keydown" || event.detail === 0;

/** A button as the palette and the pad want one: a string, parsed by diagram-js; titles are ours, never a person's. */
const button = (title) => `<button type="button" class="entry" draggable="true" title="${title}" aria-label="${title}"></button>`;

const MARGIN = 40;
const middleOf = ([from, to]) => ({ x: Math.round((from.x + to.x) / 2), y: Math.round((from.y + to.y) / 2) });

/** The longest straight part of a flow: its two ends. */
function longest({ waypoints }) {
  const parts = waypoints.slice(1).map((to, at) => [waypoints[at], to]);
  const length = ([from, to]) => Math.hypot(to.x - from.x, to.y - from.y);
  return parts.reduce((best, part) => (length(part) > length(best) ? part : best));
}

/** Adds elements: by hand with the mouse, at a good place with the keyboard. */
export class Adding {
  static $inject = ["elementFactory", "create", "modeling", "autoPlace", "canvas", "selection", "elementRegistry", "spaceTool", "commandStack"];

  constructor(elementFactory, create, modeling, autoPlace, canvas, selection, elementRegistry, spaceTool, commandStack) {
    Object.assign(this, { elementFactory, create, modeling, autoPlace, canvas, selection, elementRegistry, spaceTool, commandStack });
  }

  shapeOf(target) { return this.elementFactory.createShape({ ...target }); }

  /** A sub-process comes with its start: it must have one. */
  shapesOf(target) {
    if (target.type !== "bpmn:SubProcess") return [this.shapeOf(target)];
    const group = this.shapeOf(target);
    return [group, this.elementFactory.createShape({ type: "bpmn:StartEvent", x: 40, y: 82, parent: group })];
  }

  start(event, target) { this.create.start(event, this.shapesOf(target)); }

  /** After `source`, connected to it. */
  append(source, target) {
    const shape = this.autoPlace.append(source, this.shapeOf(target));
    if (target.type === "bpmn:SubProcess") this.modeling.createShape({ type: "bpmn:StartEvent" }, { x: shape.x + 58, y: shape.y + 100 }, shape);
    this.show(shape);
    return shape;
  }

  /** On a flow, which then goes through it: what lies beyond moves on to make room. One step back undoes it all. */
  insert(flow, target) {
    let shape = null;
    const wanted = this.shapeOf(target);
    this.commandStack.execute("studio.together", { act: () => {
      this.makeRoom(flow, wanted);
      shape = this.modeling.createShape(wanted, middleOf(longest(flow)), flow);
      if (target.type === "bpmn:SubProcess") this.modeling.createShape({ type: "bpmn:StartEvent" }, { x: shape.x + 58, y: shape.y + 100 }, shape);
    } });
    this.show(shape);
    return shape;
  }

  makeRoom(flow, { width, height }) {
    const [from, to] = longest(flow);
    const across = Math.abs(to.x - from.x) >= Math.abs(to.y - from.y);
    const axis = across ? "x" : "y";
    const missing = (across ? width : height) + 2 * MARGIN - Math.abs(to[axis] - from[axis]);
    if (missing <= 0) return;
    const start = middleOf([from, to])[axis];
    const { movingShapes, resizingShapes } = this.spaceTool.calculateAdjustments(selfAndAllChildren(this.canvas.getRootElement()), axis, missing, start);
    this.spaceTool.makeSpace(movingShapes, resizingShapes, { x: 0, y: 0, [axis]: missing }, across ? "e" : "s", start);
  }

  /** In the middle of what is seen, in the lane that is there. */
  place(target) {
    const view = this.canvas.viewbox();
    const pools = this.elementRegistry.filter((element) => element.type === "bpmn:Participant");
    const parent = pools[0] || this.canvas.getRootElement();
    const within = (value, low, high) => Math.max(low, Math.min(high, value));
    const spot = { x: view.x + view.width / 2, y: view.y + view.height / 2 };
    if (pools[0]) {
      spot.x = within(spot.x, parent.x + 120, parent.x + parent.width - 80);
      spot.y = within(spot.y, parent.y + 60, parent.y + parent.height - 60);
    }
    const shape = this.modeling.createShape(this.shapeOf(target), spot, parent);
    if (target.type === "bpmn:SubProcess") this.modeling.createShape({ type: "bpmn:StartEvent" }, { x: shape.x + 58, y: shape.y + 100 }, shape);
    this.show(shape);
    return shape;
  }

  /** On the lower edge of an activity, beside those already there. */
  attach(activity, target) {
    const spot = { x: activity.x + 24 + 44 * activity.attachers.length, y: activity.y + activity.height };
    const shape = this.modeling.createShape(this.shapeOf(target), spot, activity, { attach: true });
    this.show(shape);
    return shape;
  }

  show(shape) {
    this.selection.select(shape);
    this.canvas.scrollToElement(shape, 80);
  }
}

export class Palette {
  static $inject = ["palette", "adding", "spaceTool", "lassoTool", "handTool", "globalConnect", "elementRegistry", "elementFactory", "create"];

  constructor(palette, adding, spaceTool, lassoTool, handTool, globalConnect, elementRegistry, elementFactory, create) {
    Object.assign(this, { adding, spaceTool, lassoTool, handTool, globalConnect, elementRegistry, elementFactory, create });
    palette.registerProvider(this);
  }

  getPaletteEntries() {
    const tool = (title, icon, click) => ({ group: "tools", className: `bpmn-icon-${icon}`, html: button(title), action: { click } });
    const entries = {
      "hand-tool": tool("Déplacer la vue", "hand-tool", (event) => this.handTool.activateHand(event)),
      "lasso-tool": tool("Sélectionner plusieurs éléments", "lasso-tool", (event) => this.lassoTool.activateSelection(event)),
      "space-tool": tool("Faire ou retirer de la place", "space-tool", (event) => this.spaceTool.activateSelection(event)),
      "connect-tool": tool("Relier deux éléments", "connection-multi", (event) => this.globalConnect.start(event)),
    };
    for (const key of ["userTask", "serviceTask", "exclusiveGateway", "parallelGateway", "timer", "end", "subProcess"]) entries[`create-${key}`] = this.creating(KINDS[key], KINDS[key].group);
    entries["create-start"] = this.creating({ label: "Début", icon: "bpmn-icon-start-event-none", target: { type: "bpmn:StartEvent" } }, "ends");
    entries["create-note"] = this.creating({ label: "Note", icon: "bpmn-icon-text-annotation", target: { type: "bpmn:TextAnnotation" } }, "notes");
    if (!this.elementRegistry.find((element) => element.type === "bpmn:Participant")) entries["create-pool"] = this.pool();
    return entries;
  }

  creating({ label, icon, target }, group) {
    return {
      group, className: icon, html: button(`Ajouter : ${label}`),
      action: {
        click: (event) => (byKeyboard(event) ? this.adding.place(target) : this.adding.start(event, target)),
        dragstart: (event) => this.adding.start(event, target),
      },
    };
  }

  pool() {
    const start = (event) => this.create.start(event, this.elementFactory.createParticipantShape());
    return { group: "notes", className: "bpmn-icon-participant", html: button("Ajouter : couloirs"), action: { click: start, dragstart: start } };
  }
}

/** What may follow an element: nothing after an end, only events after the gateway that waits for them. */
export function mayFollow(element) {
  const type = localType(element);
  if (!element.businessObject.$instanceOf("bpmn:FlowNode") || type === "EndEvent" || element.businessObject.triggeredByEvent) return [];
  if (type === "EventBasedGateway") return ["timer", "message", "signal", "receiveTask"];
  return Object.keys(KINDS);
}

/** What may come between the two ends of a flow. */
export function mayInsert(flow) {
  if (localType(flow) !== "SequenceFlow" || flow.labelTarget) return [];
  return mayFollow(flow.source).filter((key) => KINDS[key].group !== "ends" && key !== "eventBasedGateway");
}

export const isActivity = (element) => element.businessObject.$instanceOf("bpmn:Activity") && !element.businessObject.triggeredByEvent && !element.labelTarget;

/** What may sit on the edge of an activity: errors and escalations only where something can raise them. */
export function mayEdge(element) {
  if (!isActivity(element)) return [];
  const type = localType(element);
  return Object.keys(EDGES).filter((key) => (key === "edgeError" ? ["ServiceTask", "CallActivity", "SubProcess"].includes(type)
    : key !== "edgeEscalation" || ["CallActivity", "SubProcess"].includes(type)));
}

export class Pad {
  static $inject = ["contextPad", "adding", "connect", "modeling", "popupMenu", "rules", "eventBus", "menus"];

  constructor(contextPad, adding, connect, modeling, popupMenu, rules, eventBus, menus) {
    Object.assign(this, { contextPad, adding, connect, modeling, popupMenu, rules, menus });
    contextPad.registerProvider(this);
    eventBus.on("contextPad.open", ({ current }) => { // buttons say their name; the old title of diagram-js would say it twice
      current.html.setAttribute("role", "toolbar");
      current.html.setAttribute("aria-label", "Actions sur l’élément");
    });
  }

  getMultiElementContextPadEntries(elements) {
    return { delete: this.entry("edit", "trash", "Supprimer", () => this.modeling.removeElements([...elements])) };
  }

  entry(group, icon, title, click, dragstart) {
    return { group, className: `bpmn-icon-${icon}`, html: button(title), action: dragstart ? { click, dragstart } : { click } };
  }

  getContextPadEntries(element) {
    const remove = this.entry("edit", "trash", "Supprimer", () => this.modeling.removeElements([element]));
    const removable = this.rules.allowed("elements.delete", { elements: [element] });
    if (element.type === "label") return removable ? { delete: remove } : {};
    const entries = { ...this.following(element), ...this.between(element), ...this.lanes(element) };
    if (this.menus.connectable(element).length) {
      const drag = (event) => this.connect.start(event, element);
      entries.connect = this.entry("edit", "connection-multi", "Relier à un autre élément", (event) => (byKeyboard(event) ? this.menus.open("studio-connect", element) : drag(event)), drag);
    }
    if (mayEdge(element).length) entries.edge = this.entry("edit", "intermediate-event-none", "Poser un événement sur le bord", () => this.menus.open("studio-edge", element));
    if (!this.popupMenu.isEmpty(element, "bpmn-replace")) entries.replace = this.entry("edit", "screw-wrench", "Changer de genre", () => this.menus.open("bpmn-replace", element));
    if (removable && element.type !== "bpmn:Participant") entries.delete = remove;
    return entries;
  }

  following(element) {
    const keys = mayFollow(element);
    const entries = {};
    for (const key of keys.length > 4 ? ["userTask", "exclusiveGateway", "end"] : keys) {
      const { label, icon, target } = KINDS[key];
      entries[`append-${key}`] = this.entry("model", icon.replace("bpmn-icon-", ""), `Ajouter ensuite : ${label}`,
        () => this.adding.append(element, target), (event) => this.adding.create.start(event, this.adding.shapeOf(target), { source: element }));
    }
    if (keys.length > 4) entries.append = { ...this.entry("model", "more", "Ajouter ensuite autre chose", () => this.menus.open("studio-append", element)), className: "studio-more" };
    return entries;
  }

  between(element) {
    const keys = mayInsert(element);
    if (!keys.length) return {};
    const entries = { insert: { ...this.entry("model", "more", "Insérer autre chose ici", () => this.menus.open("studio-insert", element)), className: "studio-more" } };
    if (!keys.includes("userTask")) return entries;
    return { "insert-userTask": this.entry("model", "user-task", `Insérer ici : ${KINDS.userTask.label}`, () => this.adding.insert(element, KINDS.userTask.target)), ...entries };
  }

  lanes(element) {
    if (!["bpmn:Lane", "bpmn:Participant"].includes(element.type)) return {};
    return {
      "lane-above": this.entry("lanes", "lane-insert-above", "Ajouter un couloir au-dessus", () => this.modeling.addLane(element, "top")),
      "lane-below": this.entry("lanes", "lane-insert-below", "Ajouter un couloir au-dessous", () => this.modeling.addLane(element, "bottom")),
    };
  }
}

/** The menus: what to add after, what to connect to, what to put on the edge; searched and walked with the keyboard. */
export class Menus {
  static $inject = ["popupMenu", "adding", "modeling", "elementRegistry", "rules", "canvas", "selection"];

  static TITLES = {
    "studio-append": "Ajouter ensuite", "studio-insert": "Insérer ici", "studio-place": "Ajouter un élément", "studio-connect": "Relier à", "studio-edge": "Poser sur le bord", "bpmn-replace": "Changer de genre",
  };

  constructor(popupMenu, adding, modeling, elementRegistry, rules, canvas, selection) {
    Object.assign(this, { popupMenu, adding, modeling, elementRegistry, rules, canvas, selection });
    popupMenu.registerProvider("studio-append", { getPopupMenuEntries: (element) => this.kinds(element, KINDS, mayFollow(element), (target) => this.adding.append(element, target)) });
    popupMenu.registerProvider("studio-insert", { getPopupMenuEntries: (flow) => this.kinds(flow, KINDS, mayInsert(flow), (target) => this.adding.insert(flow, target)) });
    popupMenu.registerProvider("studio-place", { getPopupMenuEntries: (element) => this.kinds(element, KINDS, Object.keys(KINDS), (target) => this.adding.place(target)) });
    popupMenu.registerProvider("studio-edge", { getPopupMenuEntries: (element) => this.kinds(element, EDGES, mayEdge(element), (target) => this.adding.attach(element, target)) });
    popupMenu.registerProvider("studio-connect", { getPopupMenuEntries: (element) => this.targets(element) });
  }

  kinds(element, catalogue, keys, act) {
    return Object.fromEntries(keys.map((key) => {
      const { label, told, icon, target, group } = catalogue[key];
      return [key, { label, description: told, className: icon, group: group && { id: group, name: GROUPS[group] }, action: () => act(target) }];
    }));
  }

  /** Where a flow (or, from a note, an association) may go from there. */
  connectable(element) {
    if (element.waypoints || element.labelTarget) return [];
    return inOrder(this.elementRegistry).filter((target) => target !== element && this.rules.allowed("connection.create", { source: element, target }));
  }

  targets(element) {
    return Object.fromEntries(this.connectable(element).map((target) => [target.id, {
      label: titleOf(target), description: wordFor(target), className: "studio-target",
      action: () => this.selection.select(this.modeling.connect(element, target)),
    }]));
  }

  /** Opens a menu beside an element; the focus goes into it, and back to the diagram when it closes. */
  open(id, element) {
    if (this.popupMenu.isEmpty(element, id)) return;
    const frame = this.canvas.getContainer().getBoundingClientRect();
    const box = element.parent ? this.canvas.getAbsoluteBBox(element) : { x: frame.width / 2, y: 0, width: 0, height: 40 };
    const x = Math.max(8, Math.min(frame.left + box.x + box.width / 2, window.innerWidth - 320));
    const y = Math.max(8, Math.min(frame.top + box.y + box.height + 8, window.innerHeight - 420));
    this.popupMenu.open(element, id, { x, y, cursor: { x, y } }, { title: Menus.TITLES[id], width: 300, search: true });
  }
}

const UNSUPPORTED = /Conditional|Link|Compensat|Cancel|Complex|Transaction|AdHoc|bpmn:Task$|StandardLoop/;

/** bpmn-js's own menu, less what the engine does not run. */
export class ReplaceMenu extends BpmnReplaceMenuProvider {
  _createEntries(target, options) {
    const type = localType(target);
    return super._createEntries(target, options.filter(({ target: next = {}, actionName }) => {
      if (UNSUPPORTED.test(next.type) || UNSUPPORTED.test(next.eventDefinitionType || "")) return false;
      if (/collapsed|expanded-pool|data-/.test(actionName)) return false;
      if (["StartEvent", "EndEvent"].includes(type) !== ["bpmn:StartEvent", "bpmn:EndEvent"].includes(next.type)) return false; // an end is no middle
      if (type === "StartEvent" ? next.type !== "bpmn:StartEvent" : next.type === "bpmn:StartEvent") return false;
      if (type === "StartEvent" && next.eventDefinitionType && !target.businessObject.$parent.triggeredByEvent) return false; // a démarche is opened by somebody
      if (next.type === "bpmn:EndEvent" && next.eventDefinitionType === "bpmn:SignalEventDefinition") return false; // verify refuses it
      return next.type !== "bpmn:BoundaryEvent" || mayEdge(target.host).some((key) => EDGES[key].target.eventDefinitionType === next.eventDefinitionType);
    }));
  }

  _createSequenceFlowEntries(target, options) {
    if (!/(Exclusive|Inclusive)Gateway/.test(target.source?.type || "")) return {};
    return super._createSequenceFlowEntries(target, options.filter(({ actionName }) => actionName !== "replace-with-conditional-flow"));
  }

  getPopupMenuHeaderEntries(target) {
    const { "toggle-loop": _loop, "toggle-participant-multiplicity": _many, ...kept } = super.getPopupMenuHeaderEntries(target);
    return kept;
  }
}

