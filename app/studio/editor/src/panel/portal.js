/* What the portal does by itself: operations, decisions, calculations, other démarches, and repetition. */
import { h } from "../dom.js";

const wide = (value) => value && !/^[\w.]+$/.test(value);

export function serviceTask(panel, element, form) {
  const { model } = panel;
  const operator = model.operator(element.businessObject);
  const known = panel.catalogue.operations.find((each) => each.name === operator.name);
  const values = Object.fromEntries(operator.parameters.map((each) => [each.id, each.value]));
  const types = Object.fromEntries(operator.parameters.map((each) => [each.id, each.type]));
  const write = (changes) => model.setOperator(element, { ...operator, ...changes });
  const setParameter = (name, value) => {
    const order = [...(known?.parameters || []).map((each) => each.name), ...operator.parameters.map((each) => each.id)];
    const next = { ...values, [name]: value };
    write({ parameters: [...new Set(order)].filter((id) => next[id] !== undefined).map((id) => ({ id, type: types[id], value: next[id] })) });
  };
  const choose = (name) => {
    const wanted = panel.catalogue.operations.find((each) => each.name === name)?.parameters || [];
    const same = panel.catalogue.variables.map((each) => each.name);
    write({ name, parameters: wanted.map(({ name: id }) => ({ id, value: values[id] ?? (same.includes(id) ? id : undefined) })) });
  };
  const options = panel.catalogue.operations.map(({ name, label }) => ({ value: name, label: `${label} (${name})`, group: name.split(".")[0] }));
  return [
    form.group("Opération",
      form.select("operation", "Ce que fait le portail", operator.name, options, choose, { empty: "À choisir" }),
      known?.asynchronous && form.says("Elle se fait en arrière-plan : la demande attend ici qu’elle ait fini."),
      known?.errors?.length > 0 && form.says(`Erreurs possibles : ${known.errors.join(", ")}. Posez un événement « Erreur » sur le bord pour les rattraper.`)),
    form.group("Paramètres", parameters(known, values).map((each) => parameter(panel, form, each, values[each.name], setParameter)),
      known && !known.parameters.length && !Object.keys(values).length && form.says("Cette opération n’a pas de paramètre.")),
    operator.name && form.group("Résultat", form.text("resultat", "Ranger le résultat dans", operator.result, (value) => write({ result: value.trim() }),
      { mono: true, hint: known?.results?.length ? `Le résultat contient : ${known.results.join(", ")}.` : "Cette opération ne donne rien à ranger." })),
  ];
}

/** The documented parameters, then those written in the diagram that the operation does not take. */
function parameters(known, values) {
  const documented = known?.parameters || [];
  const strange = Object.keys(values).filter((name) => !documented.some((each) => each.name === name));
  return [...documented, ...strange.map((name) => ({ name, type: "", required: false, doc: "", strange: Boolean(known) }))];
}

function parameter(panel, form, { name, type, required, doc, strange }, value, write) {
  const hint = [doc, type && `Attend : ${type}.`, !value && required && "Une variable, ou un texte entre guillemets."].filter(Boolean).join(" ");
  const error = strange ? "L’opération ne prend pas ce paramètre : videz-le." : required && !value ? "Ce paramètre est obligatoire." : "";
  const label = `${name}${required ? "" : " (facultatif)"}`;
  const control = wide(value) && value.length > 40 ? form.area : form.text;
  return control.call(form, `parametre-${name}`, label, value, (text) => write(name, text.trim()), { mono: true, hint, error, list: "studio-variables" });
}

export function decision(panel, element, form) {
  const { model } = panel;
  const bo = element.businessObject;
  const chosen = model.text(bo, "CalledDecisionId");
  const url = panel.catalogue.decisions.find((each) => each.id === chosen)?.url;
  return [form.group("Table de décision",
    form.select("decision", "Table", chosen, panel.catalogue.decisions.map(({ id, name }) => ({ value: id, label: name || id })), (value) => model.setText(element, bo, "CalledDecisionId", value), { empty: "À choisir" }),
    url && h("p", { "data-key": "modifier-table" }, h("a", { href: url, text: "Ouvrir cette table" })))];
}

export function scriptTask(panel, element, form) {
  const { model } = panel;
  return [form.group("Calcul", form.area("script", "Lignes « nom = expression »", element.businessObject.script || "",
    (value) => model.set(element, { script: value.trim() || undefined }), { mono: true, rows: 5, hint: "Une par ligne. Par exemple : majeur = age(date_naissance) >= 18" }), functions(panel, form))];
}

/** The functions of the language, to read while writing. */
export function functions(panel, form) {
  return form.details("Fonctions permises", h("dl", { class: "studio-functions" },
    panel.catalogue.functions.map(({ usage, doc }) => [h("dt", {}, h("code", { text: usage })), h("dd", { text: doc })])));
}

export function callActivity(panel, element, form) {
  const { model } = panel;
  return [form.group("Démarche appelée", form.select("appelee", "Démarche", element.businessObject.calledElement || "",
    panel.catalogue.procedures.map(({ slug, title }) => ({ value: slug, label: title })), (value) => model.set(element, { calledElement: value || undefined }),
    { empty: "À choisir", hint: "Ses étapes se font ici, puis la demande continue. Seules les démarches publiées sont proposées." }))];
}

/** Scripts run before and after any activity. */
export function scripts(panel, element, form) {
  const { model } = panel;
  const bo = element.businessObject;
  const before = model.text(bo, "PreScript");
  const after = model.text(bo, "PostScript");
  const title = before || after ? "Calculs avant et après (remplis)" : "Calculs avant et après";
  return form.details(title,
    form.area("avant", "Avant l’étape", before, (value) => model.setText(element, bo, "PreScript", value.trim()), { mono: true, hint: "Lignes « nom = expression »." }),
    form.area("apres", "Après l’étape", after, (value) => model.setText(element, bo, "PostScript", value.trim()), { mono: true }));
}

// -- repetition ------------------------------------------------------------------------------------------------------

const LOOPS = [
  { value: "list", label: "Pour chaque élément d’une liste" },
  { value: "count", label: "Un nombre de fois" },
];

export function repetition(panel, element, form) {
  const { model } = panel;
  const bo = element.businessObject;
  const loop = bo.loopCharacteristics;
  if (loop && loop.$type !== "bpmn:MultiInstanceLoopCharacteristics") return null;
  const mode = loop ? (loop.loopCardinality ? "count" : "list") : "";
  const set = (values) => model.setIn(element, loop, values);
  const choose = (next) => {
    if (!next) return model.set(element, { loopCharacteristics: undefined });
    if (!loop) return model.set(element, { loopCharacteristics: model.make("bpmn:MultiInstanceLoopCharacteristics", { isSequential: true, ...first(model, next) }, bo) });
    return set({ loopDataInputRef: undefined, inputDataItem: undefined, loopCardinality: undefined, ...first(model, next, loop) });
  };
  const item = (name, text) => set({ [name]: text.trim() ? model.make("bpmn:LoopItem", { id: text.trim() }, loop) : undefined });
  return form.details(loop ? "Répétition (oui)" : "Répétition",
    form.select("repetition", "Faire cette étape", mode, LOOPS, choose, { empty: "Une seule fois" }),
    loop && form.select("ordre", "Dans quel ordre", loop.isSequential ? "un" : "tous", [{ value: "un", label: "L’un après l’autre" }, { value: "tous", label: "Tous à la fois" }], (value) => set({ isSequential: value === "un" })),
    mode === "list" && form.text("liste", "La liste", loop.loopDataInputRef, (value) => set({ loopDataInputRef: value.trim() || undefined }), { mono: true, list: "studio-variables", hint: "Le nom d’une variable qui contient une liste." }),
    mode === "list" && form.text("element-liste", "Chaque élément s’appelle", loop.inputDataItem?.id, (value) => item("inputDataItem", value), { mono: true, hint: "Un nom qui ne sert pas ailleurs." }),
    mode === "count" && form.text("nombre", "Combien de fois", loop.loopCardinality?.body, (value) => set({ loopCardinality: model.expression(value.trim(), loop) }), { mono: true, list: "studio-variables" }),
    loop && form.text("liste-sortie", "Liste obtenue (facultatif)", loop.loopDataOutputRef, (value) => set({ loopDataOutputRef: value.trim() || undefined }), { mono: true }),
    loop && form.text("element-sortie", "Valeur à y ranger (facultatif)", loop.outputDataItem?.id, (value) => item("outputDataItem", value), { mono: true }),
    loop && form.text("arret", "S’arrêter quand (facultatif)", loop.completionCondition?.body, (value) => set({ completionCondition: model.expression(value.trim(), loop) }), { mono: true }));
}

function first(model, mode, loop) {
  return mode === "count" ? { loopCardinality: model.expression("2", loop) } : { loopDataInputRef: "liste", inputDataItem: model.make("bpmn:LoopItem", { id: "element" }, loop) };
}
