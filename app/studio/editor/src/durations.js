/* Durations as a town hall says them, as ISO 8601 writes them, and as the engine's expressions hold them. */

const UNITS = [
  { words: ["minute", "minutes", "min"], before: "PT", after: "M" },
  { words: ["heure", "heures", "h"], before: "PT", after: "H" },
  { words: ["jour", "jours", "j"], before: "P", after: "D" },
  { words: ["semaine", "semaines"], before: "P", after: "W" },
  { words: ["mois"], before: "P", after: "M" },
  { words: ["an", "ans", "année", "années"], before: "P", after: "Y" },
];
const ISO = /^P(?=.)(?:(\d+)W|(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?)$/;
const WORDS = [["semaine", "semaines"], ["an", "ans"], ["mois", "mois"], ["jour", "jours"], ["heure", "heures"], ["minute", "minutes"], ["seconde", "secondes"]];

/** « PT24H » → « 24 heures »; "" for what is no ISO duration. */
export function inWords(iso) {
  const parts = ISO.exec((iso || "").trim().toUpperCase());
  if (!parts) return "";
  const said = parts.slice(1).map((number, index) => number && `${Number(number)} ${WORDS[index][Number(number) > 1 ? 1 : 0]}`).filter(Boolean);
  return said.length > 1 ? `${said.slice(0, -1).join(", ")} et ${said.at(-1)}` : said[0] || "";
}

const COUNT = "(\\d{1,5})[\\s\\u00a0\\u202f]*";

/** What a person wrote → {iso} or {workingDays}, or null when it is no duration. Accepts « 24 heures », « 2 jours et 3 heures », « 5 jours ouvrés », PT24H. */
export function readDuration(text) {
  const written = (text || "").trim().toLowerCase();
  if (ISO.test(written.toUpperCase())) return { iso: written.toUpperCase() };
  const working = new RegExp(`^${COUNT}jours?[\\s\\u00a0\\u202f]+ouvr[ée]s?$`).exec(written);
  if (working) return { workingDays: Number(working[1]) };
  const found = { P: "", PT: "" };
  let last = -1;
  for (const piece of written.split(/\s*,\s*|\s+et\s+/)) {
    const match = new RegExp(`^${COUNT}([a-zé]+)$`).exec(piece);
    const unit = match ? UNITS.find(({ words }) => words.includes(match[2])) : null;
    if (!unit) return null;
    const rank = [5, 4, 3, 2, 1, 0].indexOf(UNITS.indexOf(unit));
    if (rank <= last || (unit.after === "W" && written !== piece)) return null;
    last = rank;
    found[unit.before] += `${Number(match[1])}${unit.after}`;
  }
  return { iso: `P${found.P}${found.PT ? `T${found.PT}` : ""}` };
}

const plural = (count) => `${count} jour${count > 1 ? "s" : ""} ouvré${count > 1 ? "s" : ""}`;

/** The due rule of a human task (`echeance`, read by the engine's projection): what was written → what is stored. */
export function dueRule(text) {
  const read = readDuration(text);
  if (read) return read.iso || plural(read.workingDays);
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test((text || "").trim()) ? text.trim() : null;
}

/** What is stored → what is shown. */
export const dueInWords = (rule) => inWords(rule) || rule || "";

const QUOTED = /^\s*(?:duree\(\s*)?(["'])((?:(?!\1).)*)\1\s*\)?\s*$/;
const WORKING = /^\s*plus_jours_ouvres\(\s*aujourdhui\(\)\s*,\s*(\d+)\s*\)\s*$/;

/** A timer, {kind: "duration" | "date" | "cycle", expression} → how it reads; "" when the expression is a calculation. */
export function timerInWords({ kind, expression }) {
  const working = WORKING.exec(expression || "");
  if (working && kind === "date") return plural(Number(working[1]));
  const quoted = QUOTED.exec(expression || "");
  if (!quoted) return "";
  const text = quoted[2];
  if (kind === "cycle") {
    const cycle = /^R(\d*)\/(P.+)$/.exec(text);
    const every = cycle ? inWords(cycle[2]) : "";
    return every ? `toutes les ${every}${cycle[1] ? `, ${cycle[1]} fois` : ", sans fin"}` : "";
  }
  if (kind === "date" && /^\d{4}-/.test(text)) return text.replace("T", " à ");
  const read = readDuration(text);
  return read ? inWords(read.iso) || plural(read.workingDays) : "";
}

/** What a person wrote for a delay → {kind, expression}; null when it is not understood. Working days become a date. */
export function timerOf(text) {
  const read = readDuration(text);
  if (!read) return null;
  return read.iso ? { kind: "duration", expression: `'${read.iso}'` } : { kind: "date", expression: `plus_jours_ouvres(aujourdhui(), ${read.workingDays})` };
}
