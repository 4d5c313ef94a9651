/* A decision table as a model: DMN read and written by dmn-moddle, changed in place, with undo. */
import { DmnModdle } from "dmn-moddle";
import { identifierOf } from "./model.js";

/** The policies of app/engine/decisions.py: code (and aggregation) → how it reads. */
export const POLICIES = [
  { value: "UNIQUE", label: "Une seule règle", told: "Une seule règle doit convenir à chaque cas." },
  { value: "FIRST", label: "La première qui convient", told: "Les règles sont lues de haut en bas ; la première qui convient répond." },
  { value: "ANY", label: "N’importe laquelle", told: "Plusieurs règles peuvent convenir si elles donnent la même réponse." },
  { value: "COLLECT", label: "Toutes, en liste", told: "Les réponses de toutes les règles qui conviennent font une liste." },
  { value: "COLLECT SUM", label: "La somme", told: "Les réponses des règles qui conviennent sont additionnées." },
  { value: "COLLECT MIN", label: "La plus petite", told: "La plus petite des réponses des règles qui conviennent." },
  { value: "COLLECT MAX", label: "La plus grande", told: "La plus grande des réponses des règles qui conviennent." },
  { value: "COLLECT COUNT", label: "Le nombre de règles", told: "Le nombre de règles qui conviennent." },
];

export class Table {
  constructor() {
    this.moddle = new DmnModdle();
    this.past = [];
    this.future = [];
  }

  /** Reads a file. Throws an Error with a French message when it holds no decision table. */
  async open(xml) {
    const { rootElement } = await this.moddle.fromXML(xml);
    this.definitions = rootElement;
    this.decision = (rootElement.get("drgElement") || []).find((each) => each.decisionLogic?.$type === "dmn:DecisionTable");
    if (!this.decision) throw new Error("le fichier ne contient pas de table de décision");
    this.xml = xml;
  }

  get table() { return this.decision.decisionLogic; }
  get inputs() { return this.table.get("input"); }
  get outputs() { return this.table.get("output"); }
  get rules() { return this.table.get("rule"); }

  get policy() { return [this.table.hitPolicy || "UNIQUE", this.table.aggregation].filter(Boolean).join(" "); }
  set policy(value) { [this.table.hitPolicy, this.table.aggregation] = value.split(" "); }

  async write() { return (await this.moddle.toXML(this.definitions, { format: true })).xml; }

  /** Does `act` and remembers what was before. False when nothing changed. */
  async change(act) {
    act();
    const now = await this.write();
    if (now === this.xml) return false;
    this.past.push(this.xml);
    this.future = [];
    this.xml = now;
    return true;
  }

  async undo() { await this.step(this.past, this.future); }

  async redo() { await this.step(this.future, this.past); }

  async step(from, to) {
    if (!from.length) return;
    to.push(this.xml);
    await this.open(from.pop());
  }

  // -- making parts ------------------------------------------------------------------------------------------------

  make(type, values, parent) {
    const made = this.moddle.create(`dmn:${type}`, values);
    made.$parent = parent;
    return made;
  }

  fresh(stem) {
    const taken = new Set(this.xml.match(/\bid="[^"]*"/g));
    let number = 1;
    while (taken.has(`id="${stem}_${number}"`) || this.given?.has(`${stem}_${number}`)) number += 1;
    (this.given ||= new Set()).add(`${stem}_${number}`);
    return `${stem}_${number}`;
  }

  cell(type, text, rule) { return this.make(type, { id: this.fresh("case"), text }, rule); }

  addInput() {
    const input = this.make("InputClause", { id: this.fresh("question"), label: "" }, this.table);
    input.inputExpression = this.make("LiteralExpression", { id: this.fresh("expression"), text: "" }, input);
    this.inputs.push(input);
    for (const rule of this.rules) rule.get("inputEntry").push(this.cell("UnaryTests", "-", rule));
  }

  addOutput() {
    this.outputs.push(this.make("OutputClause", { id: this.fresh("reponse"), name: `reponse_${this.outputs.length + 1}`, label: "" }, this.table));
    for (const rule of this.rules) rule.get("outputEntry").push(this.cell("LiteralExpression", "", rule));
  }

  removeColumn(list, entries, index) {
    list.splice(index, 1);
    for (const rule of this.rules) rule.get(entries).splice(index, 1);
  }

  addRule(at = this.rules.length, like = null) {
    const rule = this.make("DecisionRule", { id: this.fresh("regle") }, this.table);
    rule.inputEntry = this.inputs.map((_, index) => this.cell("UnaryTests", like?.inputEntry[index]?.text ?? "-", rule));
    rule.outputEntry = this.outputs.map((_, index) => this.cell("LiteralExpression", like?.outputEntry[index]?.text ?? "", rule));
    this.rules.splice(at, 0, rule);
  }

  moveRule(index, step) {
    const [rule] = this.rules.splice(index, 1);
    this.rules.splice(index + step, 0, rule);
  }

  /** A text kept in a part that is made when it is first written, and goes when it is emptied. */
  setPart(holder, name, type, text) {
    if (!text) holder[name] = undefined;
    else if (holder[name]) holder[name].text = text;
    else holder[name] = this.make(type, { id: this.fresh("valeurs"), text }, holder);
  }

  /** The variable that receives an answer: small letters, as the engine wants them. */
  nameOutput(output, text) { output.name = identifierOf(text) || output.name; }
}
