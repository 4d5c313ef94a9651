/* Fields of the panel: labels, hints and controls of the portal's own style sheets. A field is known by its key; what it
   does when it changes is kept beside it, so that a new drawing of the panel can keep the very same elements. */
import { h } from "../dom.js";

let forms = 0;

export class Form {
  constructor() {
    this.acts = new Map();
    this.prefix = `studio-${(forms += 1)}`;
  }

  field(key, label, control, { hint, error, quiet } = {}) {
    const id = `studio-${key}`;
    const told = [hint && h("p", { class: "hint", id: `${id}-hint`, text: hint }), error && h("p", { class: "studio-error", id: `${id}-error`, text: error })].filter(Boolean);
    control.id = id;
    control.dataset.field = key;
    if (told.length) control.setAttribute("aria-describedby", told.map((each) => each.id).join(" "));
    if (error) control.setAttribute("aria-invalid", "true");
    return h("div", { class: "studio-field", "data-key": `field-${key}` }, h("label", { for: id, text: label, class: quiet ? "visually-hidden" : null }), told, control);
  }

  /** A line of text. `change` is called with what was typed once the field is left. */
  text(key, label, value, change, { list, mono, placeholder, ...more } = {}) {
    this.acts.set(key, change);
    const control = h("input", { class: `ds-input${mono ? " studio-code" : ""}`, type: "text", value: value || "", list, placeholder, autocomplete: "off", spellcheck: mono ? "false" : null });
    return this.field(key, label, control, more);
  }

  area(key, label, value, change, { mono, rows = 3, ...more } = {}) {
    this.acts.set(key, change);
    return this.field(key, label, h("textarea", { class: `ds-input${mono ? " studio-code" : ""}`, rows: String(rows), value: value || "", spellcheck: mono ? "false" : null }), more);
  }

  /** A list. `options`: [{value, label, group?}]; a value that is not among them is kept and said to be unknown. */
  select(key, label, value, options, change, { empty, ...more } = {}) {
    this.acts.set(key, change);
    const all = [...(empty === undefined ? [] : [{ value: "", label: empty }]), ...options];
    if (!all.some((option) => option.value === (value || ""))) all.push({ value, label: value ? `${value} (inconnu)` : "À choisir" });
    const control = h("select", { class: "ds-input" });
    for (const group of new Set(all.map((option) => option.group || ""))) {
      const inside = all.filter((option) => (option.group || "") === group).map((option) => {
        const made = h("option", { value: option.value || "", text: option.label });
        made.selected = made.defaultSelected = (option.value || "") === (value || "");
        return made;
      });
      control.append(...(group ? [h("optgroup", { label: group }, inside)] : inside));
    }
    return this.field(key, label, control, more);
  }

  check(key, label, checked, change, { hint } = {}) {
    this.acts.set(key, (_value, control) => change(control.checked));
    const id = `studio-${key}`;
    return h("div", { class: "studio-check", "data-key": `field-${key}` },
      h("input", { type: "checkbox", id, checked: Boolean(checked), "data-field": key, "aria-describedby": hint ? `${id}-hint` : null }),
      h("label", { for: id, text: label }), hint && h("p", { class: "hint", id: `${id}-hint`, text: hint }));
  }

  /** A button; `act` is called with the event. */
  button(key, label, act, { small = true, tone = "secondary", icon, ...attributes } = {}) {
    this.acts.set(key, act);
    return h("button", { type: "button", class: "ds-button studio-button", "data-variant": tone, "data-size": small ? "sm" : null, "data-act": key, "data-key": `act-${key}`, ...attributes },
      icon && h("span", { class: icon, "aria-hidden": "true" }), label);
  }

  group(title, ...content) {
    const inside = content.flat(3).filter(Boolean);
    return inside.length ? h("section", { class: "studio-group", "data-key": `group-${title}` }, title && h("h3", { text: title }), inside) : null;
  }

  /** What is folded. Its title may change while it is open (« Répétition (oui) ») if its key stays: what precedes a bracket. */
  details(title, ...content) {
    return h("details", { class: "studio-details", "data-key": `details-${title.split(" (")[0]}` }, h("summary", { text: title }), content.flat(3).filter(Boolean));
  }

  says(text, tone = "hint") { return h("p", { class: tone, text, "data-key": `says-${text.slice(0, 20)}` }); }

  datalist(id, values) {
    return h("datalist", { id, "data-key": id }, values.map(({ value, label }) => h("option", { value, label })));
  }
}
