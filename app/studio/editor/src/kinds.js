/* What may be drawn, and how it is called: the engine's supported elements (app/engine/verify/structure.py), no other. */

const kind = (label, told, icon, target, group) => ({ label, told, icon: `bpmn-icon-${icon}`, target, group });
const event = (type, definition, more = {}) => ({ type: `bpmn:${type}`, ...(definition ? { eventDefinitionType: `bpmn:${definition}EventDefinition` } : {}), ...more });
const plain = (type) => ({ type: `bpmn:${type}` });

/** Key → {label, told, icon, target, group}: what the palette, the menus and the panel offer. `told` is BPMN's own word. */
export const KINDS = {
  userTask: kind("Étape d’une personne", "tâche utilisateur", "user-task", plain("UserTask"), "people"),
  manualTask: kind("Étape faite hors du portail", "tâche manuelle", "manual-task", plain("ManualTask"), "people"),
  serviceTask: kind("Opération du portail", "tâche de service", "service-task", plain("ServiceTask"), "portal"),
  businessRuleTask: kind("Table de décision", "règle métier", "business-rule-task", plain("BusinessRuleTask"), "portal"),
  scriptTask: kind("Calcul", "tâche de script", "script-task", plain("ScriptTask"), "portal"),
  callActivity: kind("Autre démarche", "activité appelée", "call-activity", plain("CallActivity"), "portal"),
  sendTask: kind("Envoyer un message", "tâche d’envoi", "send-task", plain("SendTask"), "portal"),
  receiveTask: kind("Attendre un message", "tâche de réception", "receive-task", plain("ReceiveTask"), "portal"),
  subProcess: kind("Sous-processus", "étapes groupées", "subprocess-expanded", { type: "bpmn:SubProcess", isExpanded: true }, "portal"),
  exclusiveGateway: kind("Choix : un seul chemin", "passerelle exclusive", "gateway-xor", plain("ExclusiveGateway"), "gateways"),
  inclusiveGateway: kind("Choix : un ou plusieurs chemins", "passerelle inclusive", "gateway-or", plain("InclusiveGateway"), "gateways"),
  parallelGateway: kind("Tous les chemins à la fois", "passerelle parallèle", "gateway-parallel", plain("ParallelGateway"), "gateways"),
  eventBasedGateway: kind("Le premier événement", "passerelle d’événements", "gateway-eventbased", plain("EventBasedGateway"), "gateways"),
  timer: kind("Attendre un délai ou une date", "minuteur", "intermediate-event-catch-timer", event("IntermediateCatchEvent", "Timer"), "events"),
  message: kind("Attendre un message en chemin", "événement message", "intermediate-event-catch-message", event("IntermediateCatchEvent", "Message"), "events"),
  signal: kind("Attendre un signal", "événement signal", "intermediate-event-catch-signal", event("IntermediateCatchEvent", "Signal"), "events"),
  throwMessage: kind("Émettre un message", "événement message", "intermediate-event-throw-message", event("IntermediateThrowEvent", "Message"), "events"),
  throwSignal: kind("Émettre un signal", "événement signal", "intermediate-event-throw-signal", event("IntermediateThrowEvent", "Signal"), "events"),
  throwEscalation: kind("Escalade", "événement escalade", "intermediate-event-throw-escalation", event("IntermediateThrowEvent", "Escalation"), "events"),
  milestone: kind("Jalon", "événement simple", "intermediate-event-none", event("IntermediateThrowEvent"), "events"),
  end: kind("Fin", "événement de fin", "end-event-none", event("EndEvent"), "ends"),
  endTerminate: kind("Fin de tout", "arrêt complet", "end-event-terminate", event("EndEvent", "Terminate"), "ends"),
  endMessage: kind("Fin avec message", "fin message", "end-event-message", event("EndEvent", "Message"), "ends"),
  endError: kind("Fin sur une erreur", "fin erreur", "end-event-error", event("EndEvent", "Error"), "ends"),
  endEscalation: kind("Fin avec escalade", "fin escalade", "end-event-escalation", event("EndEvent", "Escalation"), "ends"),
};

export const GROUPS = {
  people: "Les personnes", portal: "Le portail", gateways: "Les choix", events: "Les attentes et messages", ends: "Les fins",
};

/** What may sit on the edge of an activity. */
export const EDGES = {
  edgeTimer: kind("Minuteur", "au bout d’un délai", "intermediate-event-catch-timer", event("BoundaryEvent", "Timer")),
  edgeMessage: kind("Message", "quand il arrive", "intermediate-event-catch-message", event("BoundaryEvent", "Message")),
  edgeSignal: kind("Signal", "quand il arrive", "intermediate-event-catch-signal", event("BoundaryEvent", "Signal")),
  edgeError: kind("Erreur", "quand elle est levée", "intermediate-event-catch-error", event("BoundaryEvent", "Error")),
  edgeEscalation: kind("Escalade", "quand elle est levée", "intermediate-event-catch-escalation", event("BoundaryEvent", "Escalation")),
};

const TYPES = {
  StartEvent: "Début", EndEvent: "Fin", IntermediateThrowEvent: "Événement émis", IntermediateCatchEvent: "Événement attendu",
  BoundaryEvent: "Événement sur le bord", SequenceFlow: "Flux", MessageFlow: "Flux de message", Association: "Association", Lane: "Couloir",
  Participant: "Processus", Process: "Processus", Collaboration: "Diagramme", TextAnnotation: "Note", Group: "Cadre", Task: "Tâche sans genre",
  DataObjectReference: "Donnée", DataStoreReference: "Stock de données", Transaction: "Transaction", AdHocSubProcess: "Sous-processus ad hoc",
  ComplexGateway: "Passerelle complexe", DataInputAssociation: "Association de données", DataOutputAssociation: "Association de données",
};
const EVENT_WORDS = {
  Timer: "minuteur", Message: "message", Signal: "signal", Error: "erreur", Escalation: "escalade", Terminate: "arrêt complet",
  Conditional: "condition", Link: "lien", Compensate: "compensation", Cancel: "annulation",
};

export const localType = (thing) => (thing.businessObject || thing).$type.split(":")[1];
export const definitionOf = (thing) => (thing.businessObject || thing).eventDefinitions?.[0] || null;
export const eventKind = (thing) => definitionOf(thing)?.$type.split(":")[1].replace("EventDefinition", "") || "";

/** What an element is, in French: « Étape d’une personne », « Événement sur le bord (minuteur) ». */
export function wordFor(element) {
  const type = localType(element);
  if (type === "SubProcess" && (element.businessObject || element).triggeredByEvent) return "Sous-processus événementiel";
  const known = KINDS[type.charAt(0).toLowerCase() + type.slice(1)];
  if (known) return known.label;
  const event = eventKind(element);
  return (TYPES[type] || type) + (event ? ` (${EVENT_WORDS[event] || event})` : "");
}

const clean = (text) => (text || "").replace(/\s+/g, " ").trim();

/** How an element is called: its own name, else what it is. A flow without a name says where it goes. */
export function titleOf(element) {
  const bo = element.businessObject || element;
  if (clean(bo.name)) return clean(bo.name);
  if (bo.$type === "bpmn:TextAnnotation") return clean(bo.text) || "Note vide";
  if (bo.$type === "bpmn:SequenceFlow") return `vers ${bo.targetRef ? titleOf(bo.targetRef) : "…"}`;
  return wordFor(element);
}

/** The steps of a diagram in the order in which they are met, then what nothing reaches. Takes the element registry. */
export function inOrder(registry) {
  const nodes = registry.filter((element) => !element.labelTarget && !element.waypoints && element.parent
    && element.businessObject.$instanceOf?.("bpmn:FlowNode"));
  const across = (one, other) => one.x - other.x || one.y - other.y;
  const found = new Set();
  const waiting = nodes.filter((node) => localType(node) === "StartEvent" && node.parent.type !== "bpmn:SubProcess").sort(across);
  const rest = [...nodes].sort(across);
  while (waiting.length || rest.length) {
    const node = waiting.shift() || rest.shift();
    if (found.has(node)) continue;
    found.add(node);
    waiting.push(...(node.children || []).filter((child) => localType(child) === "StartEvent"), ...(node.attachers || []),
      ...node.outgoing.map((flow) => flow.target).filter((target) => target && !target.labelTarget && nodes.includes(target)));
  }
  return [...found];
}
