/* The condition builder: rows « variable, operator, value » that write an expression, which stays visible and editable. */
import { conditionInWords, operatorsFor, readCondition, takesValue, writeCondition } from "../conditions.js";
import { h } from "../dom.js";
import { localType, titleOf } from "../kinds.js";

const isChoice = (element) => ["ExclusiveGateway", "InclusiveGateway"].includes(localType(element));

/** The paths out of a gateway, each with its condition, or one of them the default. */
export function paths(panel, element, form) {
  if (!isChoice(element) || element.outgoing.length < 2) return [];
  return [
    form.group("Les chemins", form.says("Le premier chemin dont la condition est remplie est suivi."), element.outgoing.map((flow) => path(panel, flow, form, `flux-${flow.id}`))),
  ];
}

/** The condition of one flow, when it leaves a gateway that chooses. */
export function flowGroups(panel, element, form) {
  if (!element.source || !isChoice(element.source)) {
    return element.businessObject.conditionExpression ? [form.group("Condition", form.says("Ce flux porte une condition, mais il ne part pas d’un choix : elle n’est pas permise ici.", "studio-error"),
      form.button("sans-condition", "Retirer la condition", () => panel.model.set(element, { conditionExpression: undefined })))] : [];
  }
  return [form.group("Quand suivre ce chemin", path(panel, element, form, `flux-${element.id}`, false))];
}

function path(panel, flow, form, key, titled = true) {
  const { model } = panel;
  const bo = flow.businessObject;
  const gateway = flow.source;
  const isDefault = gateway.businessObject.default === bo;
  return h("div", { class: "studio-path", "data-key": key },
    titled && h("h4", {}, h("a", { href: `#element=${flow.id}`, text: titleOf(flow) })),
    form.check(`${key}-defaut`, "Chemin par défaut", isDefault, (on) => setDefault(panel, gateway, flow, on), { hint: isDefault ? "Suivi quand aucune autre condition n’est remplie." : null }),
    !isDefault && builder(panel, form, key, bo.conditionExpression?.body || "", (text) => model.set(flow, { conditionExpression: model.expression(text, bo) })));
}

function setDefault(panel, gateway, flow, on) {
  panel.together(() => {
    panel.model.set(gateway, { default: on ? flow.businessObject : undefined });
    if (on && flow.businessObject.conditionExpression) panel.model.set(flow, { conditionExpression: undefined });
  });
}

/** Rows and the expression they write; only the expression when it says more than rows can. */
export function builder(panel, form, key, text, write) {
  const unfinished = panel.unfinished.get(key);
  const read = unfinished && unfinished.text === text ? unfinished.read : readCondition(text);
  const { variables } = panel.catalogue;
  const typeOf = (name) => variables.find((each) => each.name === name)?.type || "autre";
  const change = (next) => {
    const written = writeCondition(next, typeOf);
    panel.unfinished.set(key, { text: written, read: next }); // a row without a variable is no expression yet
    if (written === text) panel.draw();
    else write(written);
  };
  const raw = form.text(`${key}-expression`, "Expression", text, write, { mono: true, hint: text && read ? conditionInWords(text, variables) : "Par exemple : decision == 'refuser'" });
  if (!read) return [form.says("Cette condition est écrite à la main."), raw];
  const rows = read.rows.length ? read.rows : [{ variable: "", operator: "==", value: "", quoted: false }];
  const set = (index, values) => change({ ...read, rows: rows.map((row, at) => (at === index ? { ...row, ...values } : row)) });
  return [
    rows.map((row, index) => rowOf(panel, form, `${key}-${index}`, row, (values) => set(index, values),
      rows.length > 1 && (() => change({ ...read, rows: rows.filter((_, at) => at !== index) })))),
    rows.length > 1 && form.select(`${key}-mot`, "Ces conditions", read.word, [{ value: "and", label: "doivent toutes être remplies" }, { value: "or", label: "suffisent l’une ou l’autre" }],
      (word) => change({ ...read, rows, word })),
    rows[0].variable && form.button(`${key}-plus`, "Ajouter une condition", () => change({ ...read, rows: [...rows, { variable: "", operator: "==", value: "", quoted: false }] })),
    raw,
  ];
}

function rowOf(panel, form, key, row, set, remove) {
  const variable = panel.catalogue.variables.find((each) => each.name === row.variable);
  const operators = operatorsFor(variable?.type || "autre");
  const known = operators.some(({ code }) => code === row.operator) ? operators : [...operators, ...operatorsFor("autre").filter(({ code }) => code === row.operator)];
  const choose = (name) => {
    const fits = operatorsFor(panel.catalogue.variables.find((each) => each.name === name)?.type || "autre");
    set({ variable: name, operator: fits.some(({ code }) => code === row.operator) ? row.operator : fits[0].code, value: "" });
  };
  return h("div", { class: "studio-row", "data-key": key, role: "group", "aria-label": "Condition" },
    form.select(`${key}-variable`, "Réponse ou variable", row.variable, panel.variableOptions(), choose, { empty: "À choisir" }),
    form.select(`${key}-operateur`, "Comparaison", row.operator, known.map(({ code, label }) => ({ value: code, label })), (operator) => set({ operator })),
    takesValue(row.operator) && (variable?.choices?.length
      ? form.select(`${key}-valeur`, "Valeur", row.value, variable.choices.map(({ value, label }) => ({ value: String(value), label })), (value) => set({ value, quoted: true }), { empty: "À choisir" })
      : form.text(`${key}-valeur`, "Valeur", row.value, (value) => set({ value }), { hint: variable?.type === "date" ? "Par exemple : 2026-09-01" : null })),
    remove && form.button(`${key}-retirer`, "Retirer cette condition", remove, { tone: "tertiary" }));
}
