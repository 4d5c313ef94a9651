/* What an event waits for or throws: timers, messages, signals, errors, escalations. */
import { timerInWords, timerOf } from "../durations.js";
import { definitionOf, eventKind, localType } from "../kinds.js";
import { status } from "./people.js";

const ROOT_OF = { Message: "messageRef", Signal: "signalRef", Error: "errorRef", Escalation: "escalationRef" };
const THE = { Message: "Message", Signal: "Signal", Error: "Erreur", Escalation: "Escalade" };
const TIMERS = { duration: "timeDuration", date: "timeDate", cycle: "timeCycle" };
const TIMER_WORDS = [
  { value: "duration", label: "Au bout d’un délai" },
  { value: "date", label: "À une date" },
  { value: "cycle", label: "Plusieurs fois" },
];

const throws = (element) => ["IntermediateThrowEvent", "EndEvent", "SendTask"].includes(localType(element));

export function eventGroups(panel, element, form) {
  const { model } = panel;
  const bo = element.businessObject;
  const type = localType(element);
  const kind = eventKind(element);
  const definition = definitionOf(element);
  const waits = ["IntermediateCatchEvent", "ReceiveTask"].includes(type);
  return [
    kind === "Timer" && timer(panel, element, definition, form),
    kind in ROOT_OF && reference(panel, element, definition, kind, form),
    type === "BoundaryEvent" && kind !== "Error" && form.group("Quand il arrive",
      form.check("interrompt", "Interrompre l’étape", bo.cancelActivity !== false, (on) => model.set(element, { cancelActivity: on }), { hint: "Sinon l’étape continue, et ce chemin est suivi en plus." })),
    type === "StartEvent" && bo.$parent?.triggeredByEvent && kind !== "Error" && form.group("Quand il arrive",
      form.check("interrompt", "Interrompre ce qui est en cours", bo.isInterrupting !== false, (on) => model.set(element, { isInterrupting: on }))),
    waits && form.group("Pendant l’attente", status(panel, element, form)),
  ];
}

/** Send and receive tasks name their message themselves. */
export function messageTask(panel, element, form) {
  return [reference(panel, element, element.businessObject, "Message", form), localType(element) === "ReceiveTask" && form.group("Pendant l’attente", status(panel, element, form))];
}

// -- timers ----------------------------------------------------------------------------------------------------------

function timer(panel, element, definition, form) {
  const { model } = panel;
  const kind = Object.keys(TIMERS).find((each) => definition[TIMERS[each]]) || "duration";
  const expression = definition[TIMERS[kind]]?.body || "";
  const words = timerInWords({ kind, expression });
  const write = (next, text) => model.setIn(element, definition, {
    timeDuration: undefined, timeDate: undefined, timeCycle: undefined, [TIMERS[next]]: model.make("bpmn:FormalExpression", { body: text }, definition),
  });
  const writeDelay = (text) => {
    const read = timerOf(text);
    panel.refuse("delai", read || !text.trim() ? "" : "Écrivez par exemple « 24 heures », « 5 jours ouvrés » ou « PT24H ».");
    if (read) write(read.kind, read.expression);
  };
  const shown = words && /ouvré/.test(words) ? "duration" : kind;
  const example = { duration: "'PT24H' ou duree(\"24 heures\")", date: "'2026-09-01T08:00' ou une variable", cycle: "'R3/P7D' : trois fois, tous les sept jours" }[kind];
  return form.group("Minuteur",
    form.select("minuteur", "Se déclenche", shown, TIMER_WORDS, (next) => write(next, { duration: "'PT24H'", date: "aujourdhui()", cycle: "'R3/P7D'" }[next])),
    shown === "duration" && form.text("delai", "Délai", panel.typed("delai") ?? words, writeDelay, { hint: "Par exemple : 24 heures, 5 jours ouvrés, 2 semaines, ou PT24H.", error: panel.refusals.get("delai") }),
    shown === "date" && /^'\d{4}-\d\d-\d\dT?/.test(expression) && form.says(`Le ${words}, heure de Paris.`),
    shown === "cycle" && words && form.says(`Se lit : ${words}.`),
    form.text("minuteur-expression", "Expression", expression, (text) => write(kind, text.trim()), { mono: true, hint: `Écrite d’après le délai ; modifiable. Par exemple : ${example}.` }));
}

// -- messages, signals, errors, escalations ------------------------------------------------------------------------------

function reference(panel, element, holder, kind, form) {
  const { model } = panel;
  const property = ROOT_OF[kind];
  const present = holder[property];
  const coded = { Error: "errorCode", Escalation: "escalationCode" }[kind];
  const nameOf = (root) => (coded ? root[coded] || root.name : root.name) || "";
  const known = new Map(proposals(panel, element, kind).map((each) => [each.value, each.label]));
  for (const root of model.roots(kind)) if (!known.has(nameOf(root))) known.set(nameOf(root), coded && root.name && root.name !== nameOf(root) ? `${root.name} (${nameOf(root)})` : nameOf(root));
  const choose = (name) => panel.together(() => model.setIn(element, holder, { [property]: name ? model.root(element, kind, name) : undefined }));
  const any = kind === "Error" && !throws(element) ? "N’importe quelle erreur" : "À choisir";
  return form.group(THE[kind],
    form.select("reference", THE[kind], present ? nameOf(present) : "", [...known].filter(([value]) => value).map(([value, label]) => ({ value, label })), choose, { empty: any }),
    form.text("nouvelle-reference", "Ou un autre, nouveau", "", (name) => name.trim() && choose(name.trim()), { mono: true, hint: kind === "Message" ? "Un nom court, sans accent : c’est celui que le portail enverra." : "Un nom court, sans accent." }),
    content(panel, element, holder, kind, present, form));
}

/** The names the portal knows: its messages, and the errors of the operation under an edge. */
function proposals(panel, element, kind) {
  if (kind === "Message") return panel.catalogue.messages.map(({ name, label }) => ({ value: name, label: label ? `${label} (${name})` : name }));
  if (kind !== "Error" || !element.host) return [];
  const operation = panel.catalogue.operations.find((each) => each.name === panel.model.operator(element.host.businessObject).name);
  return (operation?.errors || []).map((code) => ({ value: code, label: code }));
}

/** A message carries its content itself; the others keep it with what they refer to, as the engine reads them. */
function content(panel, element, holder, kind, root, form) {
  const { model } = panel;
  const on = kind === "Message" ? holder : root;
  if (!on) return null;
  const [variable, payload] = kind === "Message" ? ["MessageVariable", "MessagePayload"] : ["VariableName", "PayloadExpression"];
  const text = (type) => model.text(on, type);
  const write = (type) => (value) => model.setText(element, on, type, value.trim());
  return throws(element)
    ? form.details(text(payload) ? "Contenu (rempli)" : "Contenu", form.text("contenu", "Expression", text(payload), write(payload), { mono: true, list: "studio-variables" }))
    : form.details(text(variable) ? "Contenu reçu (rangé)" : "Contenu reçu", form.text("recu", "Ranger ce qui est reçu dans", text(variable), write(variable), { mono: true }));
}
