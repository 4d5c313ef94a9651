/* Two diagrams, element by element: what was added, removed or changed, in words. Positions do not count. */
import { dueInWords, timerInWords } from "../durations.js";
import { localType, titleOf, wordFor } from "../kinds.js";

const refName = (thing) => (thing ? thing.name || thing.id || "" : "");
const named = (thing) => thing && { key: thing.id, words: titleOf(thing) }; // the same one under a new name is no change
const body = (expression) => expression?.body?.trim() || "";
const extension = (bo, type) => bo.extensionElements?.values?.find((each) => each.$type === `spiffworkflow:${type}`);

const SAID = {
  "property:form": "le formulaire", "property:statut": "le statut montré à la famille", "property:champs": "les champs ouverts", "property:aide": "le texte d’aide",
  "property:role": "le rôle",
};
const TEXTS = {
  CalledDecisionId: "la table de décision", PreScript: "le calcul avant l’étape", PostScript: "le calcul après l’étape", VariableName: "la variable des réponses",
  MessageVariable: "la variable du message", MessagePayload: "le contenu du message", PayloadExpression: "le contenu",
};

/** What an element says, as label → {key, words}: keys are compared, words are shown. What is empty is left out. */
function facts(bo, laneOf) {
  const found = {};
  const note = (label, value) => { if (value !== undefined && value !== null && value !== "") found[label] = value.key ? value : { key: String(value), words: String(value) }; };
  note("le genre", wordFor(bo));
  note("le nom", bo.name || bo.text);
  note("le couloir", named(laneOf.get(bo.id)));
  for (const each of extension(bo, "Properties")?.properties || []) {
    if (each.name === "echeance") note("l’échéance", dueInWords(each.value));
    else note(SAID[`property:${each.name}`] || `la propriété « ${each.name} »`, each.value);
  }
  const operator = extension(bo, "ServiceTaskOperator");
  note("l’opération", operator?.id);
  note("la variable du résultat", operator?.resultVariable);
  for (const each of operator?.parameterList?.parameters || []) note(`le paramètre « ${each.id} »`, each.value);
  for (const [type, label] of Object.entries(TEXTS)) note(label, extension(bo, type)?.value?.trim());
  note("le calcul", bo.script?.trim?.());
  note("la démarche appelée", bo.calledElement);
  note("la condition", body(bo.conditionExpression));
  note("le chemin par défaut", named(bo.default));
  note("l’étape qui porte l’événement", named(bo.attachedToRef));
  if (bo.$type === "bpmn:SequenceFlow") {
    note("le départ", named(bo.sourceRef));
    note("l’arrivée", named(bo.targetRef));
  }
  if (bo.cancelActivity === false || bo.isInterrupting === false) note("l’interruption", "sans interrompre");
  events(bo, note);
  repetition(bo.loopCharacteristics, note);
  return found;
}

function events(bo, note) {
  note("le message", refName(bo.messageRef));
  for (const definition of bo.eventDefinitions || []) {
    const of = definition.messageRef || definition.signalRef || definition.errorRef || definition.escalationRef;
    note("ce qu’il attend ou émet", of && (of.errorCode || of.escalationCode || refName(of)));
    for (const [kind, property] of Object.entries({ duration: "timeDuration", date: "timeDate", cycle: "timeCycle" })) {
      const expression = body(definition[property]);
      note("le minuteur", expression && (timerInWords({ kind, expression }) || expression));
    }
    for (const [type, label] of Object.entries(TEXTS)) note(label, extension(definition, type)?.value?.trim());
  }
}

function repetition(loop, note) {
  if (!loop) return;
  note("la répétition", [loop.isSequential ? "l’un après l’autre" : "tous à la fois", loop.loopDataInputRef, body(loop.loopCardinality), loop.inputDataItem?.id, loop.loopDataOutputRef,
    loop.outputDataItem?.id, body(loop.completionCondition)].filter(Boolean).join(", "));
}

/** Everything drawn that means something, by id. */
function elements(viewer) {
  const laneOf = new Map();
  const all = new Map();
  viewer.get("elementRegistry").forEach((element) => {
    const bo = element.businessObject;
    if (element.labelTarget || !element.parent || !bo?.$type) return;
    if (element.type === "bpmn:Lane") for (const node of bo.flowNodeRef || []) laneOf.set(node.id, bo);
    all.set(bo.id, element);
  });
  return { all, laneOf };
}

const short = (text) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);

/** {added: [id], removed: [id], changed: {id: [words]}, moved: number}, from two viewers with their diagrams in. */
export function compare(before, after) {
  const [old, now] = [elements(before), elements(after)];
  const changes = { added: [...now.all.keys()].filter((id) => !old.all.has(id)), removed: [...old.all.keys()].filter((id) => !now.all.has(id)), changed: {}, moved: 0 };
  for (const [id, element] of now.all) {
    const earlier = old.all.get(id);
    if (!earlier) continue;
    const [was, is] = [facts(earlier.businessObject, old.laneOf), facts(element.businessObject, now.laneOf)];
    const words = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter((label) => was[label]?.key !== is[label]?.key).map((label) => said(label, was[label], is[label]));
    if (words.length) changes.changed[id] = words;
    else if (localType(element) !== "Participant" && ["x", "y", "width", "height"].some((side) => earlier[side] !== element[side])) changes.moved += 1;
  }
  return changes;
}

function said(label, was, is) {
  if (was === undefined) return `${label} : « ${short(is.words)} » (ajouté)`;
  if (is === undefined) return `${label} : « ${short(was.words)} » (retiré)`;
  return `${label} : « ${short(was.words)} » devient « ${short(is.words)} »`;
}
