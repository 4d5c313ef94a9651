/* What a person's step carries, and the lane that says whose it is. */
import { dueInWords, dueRule } from "../durations.js";
import { h } from "../dom.js";

const STATUSES = [
  { value: "brouillon", label: "Brouillon : la famille remplit" },
  { value: "en_attente", label: "En attente : envoyée, pas encore prise en charge" },
  { value: "traitement", label: "En traitement : un agent s’en occupe" },
];
const FINAL = [
  { value: "clos", label: "Clos : la demande a abouti" },
  { value: "refuse", label: "Refusé" },
  { value: "annule", label: "Annulé" },
];

/** The status that a family reads. */
export function status(panel, element, form, { final = false, needed = false } = {}) {
  const { model } = panel;
  const bo = element.businessObject;
  return form.select("statut", "Statut montré à la famille", model.property(bo, "statut"), final ? FINAL : STATUSES,
    (value) => model.setProperty(element, bo, "statut", value), { empty: needed ? "À choisir" : "Le même qu’avant" });
}

/** Who does it: the lane, which can be changed here. */
export function lane(panel, element, form) {
  const { model } = panel;
  const lanes = model.lanes();
  const present = model.laneOf(element);
  if (!lanes.length) return form.says("Ce diagramme n’a pas de couloirs : personne n’est chargé de cette étape.", "studio-error");
  if (!present || present.parent !== element.parent) return form.says(present ? `Couloir : ${present.businessObject.name || "sans nom"}` : "Cette étape n’est dans aucun couloir.", present ? "hint" : "studio-error");
  return form.select("couloir", "Couloir (qui le fait)", present.id, lanes.map((each) => ({ value: each.id, label: each.businessObject.name || each.id })),
    (id) => model.moveToLane(element, lanes.find((each) => each.id === id)));
}

export function humanTask(panel, element, form) {
  const { model } = panel;
  const bo = element.businessObject;
  const forms = panel.catalogue.forms;
  const chosen = model.property(bo, "form");
  const due = model.property(bo, "echeance");
  const family = panel.roleOfLane(model.laneOf(element)) === "famille";
  const writeDue = (text) => {
    const rule = text.trim() ? dueRule(text) : "";
    panel.refuse("echeance", rule === null ? "Écrivez par exemple « 3 jours ouvrés », « 15 jours », « PT48H » ou une date « 2026-09-01 »." : "");
    if (rule !== null) model.setProperty(element, bo, "echeance", rule);
  };
  const edit = forms.find((each) => each.name === chosen)?.url;
  return [
    form.group("Qui, et que voit la famille", lane(panel, element, form), status(panel, element, form, { needed: true })),
    form.group("À remplir",
      form.select("form", "Formulaire", chosen, forms.map(({ name, title }) => ({ value: name, label: title && title !== name ? `${title} (${name})` : name })),
        (value) => model.setProperty(element, bo, "form", value), { empty: "Aucun : un simple bouton" }),
      edit && h("p", { "data-key": "modifier-formulaire" }, h("a", { href: edit, text: "Modifier ce formulaire" })),
      family && chosen && form.select("champs", "Champs ouverts", model.property(bo, "champs"), panel.variableOptions((each) => each.type === "liste" || /champs/.test(each.name)),
        (value) => model.setProperty(element, bo, "champs", value), { empty: "Tous les champs", hint: "Une liste de champs demandés par l’agent n’ouvre que ceux-là." }),
      form.area("aide", "Texte d’aide de l’étape", model.property(bo, "aide"), (value) => model.setProperty(element, bo, "aide", value.trim()), { hint: "Lu en tête de l’étape par la personne qui la fait." })),
    form.group("Échéance", form.text("echeance", "À faire sous", panel.typed("echeance") ?? dueInWords(due), writeDue,
      { hint: `Par exemple : 3 jours ouvrés, 15 jours, 24 heures.${due ? ` Écrit : ${due}` : " Sans réponse : 5 jours ouvrés."}`, error: panel.refusals.get("echeance") })),
    bo.$type === "bpmn:UserTask" && form.details("Ranger les réponses ensemble", form.text("variable", "Dans la variable", model.text(bo, "VariableName"),
      (value) => model.setText(element, bo, "VariableName", value.trim()), { mono: true, hint: "Vide : chaque champ du formulaire devient une variable." })),
  ];
}

export function endGroups(panel, element, form) {
  return [form.group("À la fin", status(panel, element, form, { final: true }))];
}

/** A lane is a role of the town hall. */
export function laneGroups(panel, element, form) {
  const { model } = panel;
  const bo = element.businessObject;
  const roles = panel.catalogue.roles;
  const choose = (code) => {
    const label = roles.find((each) => each.code === code)?.label || code;
    const known = !bo.name || roles.some((each) => each.label.split(" (")[0] === bo.name || each.code === bo.name);
    if (code && known) model.rename(element, label.split(" (")[0]);
    // « Famille » says it already: the property is only written where the name does not
    model.setProperty(element, bo, "role", code && panel.folded(bo.name || "") !== code ? code : "");
  };
  return [form.group("Rôle", form.select("role", "Rôle de la commune", panel.roleOfLane(element), roles.map(({ code, label }) => ({ value: code, label })), choose,
    { empty: "À choisir", hint: "Les tâches de ce couloir arrivent aux agents qui ont ce rôle ; « Famille » est la personne qui dépose." }))];
}
