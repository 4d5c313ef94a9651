/* Conditions of gateways: from an expression of the engine's language to rows « variable, operator, value », and back. */

const OPERATORS = [
  { code: "==", label: "est égal à", types: ["texte", "nombre", "date", "choix", "autre"], value: true },
  { code: "!=", label: "est différent de", types: ["texte", "nombre", "date", "choix", "autre"], value: true },
  { code: "<", label: "est plus petit que", types: ["nombre", "date", "autre"], value: true },
  { code: "<=", label: "est au plus", types: ["nombre", "date", "autre"], value: true },
  { code: ">", label: "est plus grand que", types: ["nombre", "date", "autre"], value: true },
  { code: ">=", label: "est au moins", types: ["nombre", "date", "autre"], value: true },
  { code: "vrai", label: "est oui", types: ["oui/non", "autre"], value: false },
  { code: "faux", label: "est non", types: ["oui/non", "autre"], value: false },
  { code: "contient", label: "contient", types: ["liste", "texte", "autre"], value: true },
  { code: "sans", label: "ne contient pas", types: ["liste", "texte", "autre"], value: true },
  { code: "vide", label: "est vide", types: ["texte", "nombre", "date", "choix", "liste", "autre"], value: false },
  { code: "non_vide", label: "est rempli", types: ["texte", "nombre", "date", "choix", "liste", "autre"], value: false },
];

/** The operators that make sense for a variable of that type. */
export const operatorsFor = (type) => OPERATORS.filter(({ types }) => types.includes(OPERATORS.some((each) => each.types.includes(type)) ? type : "autre"));

export const takesValue = (code) => OPERATORS.find((operator) => operator.code === code)?.value ?? true;

const NAME = "[A-Za-z][A-Za-z0-9_]*";
const LITERAL = "-?\\d+(?:\\.\\d+)?|'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"";
const SHAPES = [
  [new RegExp(`^(${NAME})\\s*(==|!=|<=|>=|<|>)\\s*(${LITERAL})$`), (m) => row(m[1], m[2], m[3])],
  [new RegExp(`^(${NAME})\\s+not\\s+in\\s+(.+)$`), () => null],
  [new RegExp(`^not\\s+contient\\(\\s*(${NAME})\\s*,\\s*(${LITERAL})\\s*\\)$`), (m) => row(m[1], "sans", m[2])],
  [new RegExp(`^contient\\(\\s*(${NAME})\\s*,\\s*(${LITERAL})\\s*\\)$`), (m) => row(m[1], "contient", m[2])],
  [new RegExp(`^(non_vide|vide)\\(\\s*(${NAME})\\s*\\)$`), (m) => row(m[2], m[1])],
  [new RegExp(`^(${NAME})\\s*(?:==|is)\\s*(vrai|True|faux|False)$`), (m) => row(m[1], /^(vrai|True)$/.test(m[2]) ? "vrai" : "faux")],
  [new RegExp(`^not\\s+(${NAME})$`), (m) => row(m[1], "faux")],
  [new RegExp(`^(${NAME})$`), (m) => (["vrai", "faux", "rien", "True", "False", "None"].includes(m[1]) ? null : row(m[1], "vrai"))],
];

function row(variable, operator, literal) {
  if (literal === undefined) return { variable, operator, value: "", quoted: false };
  const quoted = /^['"]/.test(literal);
  return { variable, operator, value: quoted ? literal.slice(1, -1).replace(/\\(.)/g, "$1") : literal, quoted };
}

/** Pieces between `and` (or `or`) at the top level, outside quotes and brackets; null when brackets do not match. */
function split(text) {
  const pieces = [];
  const words = new Set();
  let depth = 0;
  let piece = "";
  for (const token of text.match(new RegExp(`'(?:[^'\\\\]|\\\\.)*'|"(?:[^"\\\\]|\\\\.)*"|${NAME}|\\s+|.`, "gs")) || []) {
    if ("([{".includes(token)) depth += 1;
    if (")]}".includes(token)) depth -= 1;
    if (!depth && (token === "and" || token === "or")) {
      words.add(token);
      pieces.push(piece.trim());
      piece = "";
    } else piece += token;
  }
  pieces.push(piece.trim());
  return depth || words.size > 1 ? null : { pieces, word: [...words][0] || "and" };
}

/** An expression → {word: "and" | "or", rows: [{variable, operator, value, quoted}]}; null when it says more than rows can. */
export function readCondition(text) {
  if (!(text || "").trim()) return { word: "and", rows: [] };
  const parts = split(text.trim());
  if (!parts) return null;
  const rows = [];
  for (const piece of parts.pieces) {
    const shape = SHAPES.find(([pattern]) => pattern.test(piece));
    const found = shape && shape[1](shape[0].exec(piece));
    if (!found) return null;
    rows.push(found);
  }
  return { word: parts.word, rows };
}

const isNumber = (value) => /^-?\d+(\.\d+)?$/.test(value);

/** A value as the language writes it: a number stays bare for a number, everything else is a text. */
function literal(value, type, quoted) {
  const dotted = value.trim().replace(/[\s\u00a0\u202f]/g, "").replace(",", ".");
  if ((type === "nombre" && isNumber(dotted)) || (type !== "texte" && type !== "choix" && type !== "date" && type !== "liste" && !quoted && isNumber(dotted))) return dotted;
  return `'${value.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
}

/** Rows → the expression. `typeOf`: variable → its type. Rows without a variable are left out. */
export function writeCondition({ word, rows }, typeOf) {
  return rows.filter(({ variable }) => variable).map(({ variable, operator, value, quoted }) => {
    const written = literal(value, typeOf(variable), quoted);
    if (operator === "vrai" || operator === "faux") return `${variable} == ${operator}`;
    if (operator === "vide" || operator === "non_vide") return `${operator}(${variable})`;
    if (operator === "contient") return `contient(${variable}, ${written})`;
    if (operator === "sans") return `not contient(${variable}, ${written})`;
    return `${variable} ${operator} ${written}`;
  }).join(` ${word} `);
}

/** How a condition reads: « Votre décision est égal à « Accepter » »; the expression itself when rows cannot say it. */
export function conditionInWords(text, variables) {
  const read = readCondition(text);
  if (!read) return text;
  return read.rows.map(({ variable, operator, value }) => {
    const known = variables.find((each) => each.name === variable);
    const choice = known?.choices?.find((each) => String(each.value) === value)?.label || value;
    const words = OPERATORS.find((each) => each.code === operator).label;
    return `${known?.label || variable} ${words}${takesValue(operator) ? ` « ${choice} »` : ""}`;
  }).join(read.word === "and" ? " et " : " ou ");
}
