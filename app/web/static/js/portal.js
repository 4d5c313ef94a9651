/* Progressive enhancement only: every page works without this file. No framework, no inline handler. */
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /* What was typed, without the files: those travel once, with the form itself. */
  function textOf(form) {
    const data = new FormData(form);
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
    return data;
  }

  /* Drafts: a field left or changed → the whole form is posted. Saves are chained, and a form waiting in the chain
     is read when its turn comes: an old, slow save can never overwrite a newer one. */
  function autosave(form) {
    const status = $("[data-draft-status]", form);
    const error = $("[data-draft-error]", form);
    let chain = Promise.resolve();
    let queued = false;
    let saved = textOf(form);
    let timer = 0;
    let leaving = false; // the form itself is on its way, with everything a save would carry
    let going = null;

    const same = (one, other) => new URLSearchParams(one).toString() === new URLSearchParams(other).toString();
    const say = (text) => { if (status) status.textContent = text; };

    async function save() {
      queued = false;
      const data = textOf(form);
      if (leaving || same(data, saved)) return;
      going = new AbortController();
      say("Enregistrement…");
      let response;
      try {
        response = await fetch(form.dataset.autosave, {
          method: "POST", body: data, credentials: "same-origin", redirect: "manual", signal: going.signal,
          headers: { "X-Requested-With": "fetch", Accept: "application/json" },
        });
      } catch { return failed(); }
      if (response.status === 401) { say(""); await signInAgain(form); return queue(); }
      if (response.status === 400 && await renewed(response, data.get("csrf_token"))) return queue();
      if (!response.ok) return failed();
      saved = data;
      if (error) error.hidden = true;
      const answer = /json/.test(response.headers.get("Content-Type") || "") ? await response.json().catch(() => ({})) : {};
      say(`Brouillon enregistré ${answer.saved_at || clock()}`);
    }
    function failed() {
      say("");
      if (error && !leaving) error.hidden = false;
    }
    function queue() {
      clearTimeout(timer);
      if (!queued) { queued = true; chain = chain.then(save, save); }
    }
    form.addEventListener("change", queue);
    form.addEventListener("focusout", queue);
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(queue, 4000); });
    form.addEventListener("submit", () => {
      clearTimeout(timer);
      leaving = true;
      going?.abort();
    });
    window.addEventListener("pageshow", () => { leaving = false; });
    document.addEventListener("visibilitychange", () => { if (document.hidden) queue(); });
    $("[data-draft-retry]", form)?.addEventListener("click", queue);
  }

  /* Somebody signed in again in another tab: the answer to a page of before holds the token to go on with. */
  async function renewed(response, used) {
    const { csrf_token: token } = await response.json().catch(() => ({}));
    if (!token || token === used) return false;
    for (const field of all("input[name=csrf_token]")) field.value = token;
    return true;
  }

  function clock() {
    const now = new Date();
    return `à ${now.getHours()}\u00a0h\u00a0${String(now.getMinutes()).padStart(2, "0")}`;
  }

  /* The session ended while somebody was typing: sign in here, in a dialogue, and keep every value. */
  let signingIn = null;
  function signInAgain(form) {
    signingIn ||= openSignIn(form.dataset.signIn || "/connexion").finally(() => { signingIn = null; });
    return signingIn;
  }
  async function signInForm(source) {
    const page = new DOMParser().parseFromString(await source.text(), "text/html");
    return { inner: $("form[data-sign-in-form]", page), token: $("meta[name=csrf-token]", page)?.content
      || $("input[name=csrf_token]", page)?.value, page };
  }
  async function openSignIn(url) {
    const dialog = document.createElement("dialog");
    dialog.className = "ds-dialog";
    dialog.setAttribute("aria-labelledby", "relogin-title");
    const title = document.createElement("h2");
    title.id = "relogin-title";
    title.textContent = "Votre session a pris fin";
    const lead = document.createElement("p");
    lead.textContent = "Reconnectez-vous ici : ce que vous avez saisi est gardé dans cette page.";
    dialog.append(title, lead);
    document.body.append(dialog);
    dialog.showModal();
    const first = await signInForm(await fetch(url, { credentials: "same-origin" }));
    if (!first.inner) { location.assign(url); return new Promise(() => {}); }
    dialog.append(document.adoptNode(first.inner));
    return new Promise((resolve) => {
      dialog.addEventListener("cancel", (event) => event.preventDefault());
      dialog.addEventListener("submit", async (event) => {
        event.preventDefault();
        const inner = event.target;
        const answer = await fetch(inner.getAttribute("action") || url, {
          method: "POST", body: new FormData(inner, event.submitter || undefined), credentials: "same-origin",
        });
        const next = await signInForm(answer);
        if (next.inner) { inner.replaceWith(document.adoptNode(next.inner)); $("input:not([type=hidden])", dialog)?.focus(); return; }
        if (next.token) for (const field of all("input[name=csrf_token]")) field.value = next.token;
        dialog.close();
        dialog.remove();
        resolve();
      });
    });
  }

  /* A form is sent once: the button says so, and comes back if the page is shown again from the history. */
  function sendOnce(event) {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    asked.get(form)?.abort(); // the answers travel with the form: a drawing under way would come back after it
    // after the browser has read the button's own name and value
    setTimeout(() => { for (const button of all("button[type=submit], button:not([type])", form)) button.setAttribute("aria-busy", "true"); });
  }
  window.addEventListener("pageshow", () => {
    for (const form of all("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of all("[aria-busy]", form)) button.removeAttribute("aria-busy");
    }
  });

  /* « il reste 120 caractères », read aloud when the typing pauses */
  function countCharacters(field) {
    const limit = Number(field.dataset.count);
    const line = document.createElement("p");
    const spoken = document.createElement("p");
    line.className = "hint";
    line.setAttribute("aria-hidden", "true");
    spoken.className = "visually-hidden";
    spoken.setAttribute("role", "status");
    field.after(line, spoken);
    let timer = 0;
    const show = () => {
      const left = limit - field.value.length;
      const many = Math.abs(left) > 1 ? "s" : "";
      line.textContent = left < 0 ? `${-left} caractère${many} de trop` : `Il reste ${left} caractère${many}`;
      clearTimeout(timer);
      timer = setTimeout(() => { if (field.value) spoken.textContent = line.textContent; }, 1200);
    };
    field.addEventListener("input", show);
    show();
  }

  /* Password rules ticked while typing. The server alone decides: this only helps. */
  const rules = {
    length: (value, size) => value.length >= Number(size),
    varied: (value) => new Set(value.toLowerCase()).size >= 8,
    same: (value, id) => value !== "" && value === document.getElementById(id)?.value,
    lower: (value) => /\p{Ll}/u.test(value),
    upper: (value) => /\p{Lu}/u.test(value),
    digit: (value) => /\d/.test(value),
  };
  function passwordRules(list) {
    const field = $("input", list.parentNode);
    if (!field) return;
    const check = () => {
      for (const item of all("[data-rule]", list)) {
        const [name, value] = item.dataset.rule.split(":");
        const met = rules[name]?.(field.value, value) ?? false;
        if (item.dataset.met === String(met)) continue;
        item.dataset.met = met;
        $(".visually-hidden", item)?.remove();
        const word = document.createElement("span");
        word.className = "visually-hidden";
        word.textContent = met ? " : respecté" : " : pas encore respecté";
        item.append(word);
      }
    };
    field.addEventListener("input", check);
    check();
  }

  /* The agent's decision shows only the questions that go with it. */
  function decision(fieldset) {
    const show = () => {
      const chosen = $(":checked", fieldset)?.value;
      for (const part of all("[data-when]", fieldset.parentNode)) part.hidden = !part.dataset.when.split(" ").includes(chosen);
    };
    fieldset.addEventListener("change", show);
    show();
  }

  /* An answer that other questions depend on: the server draws the form again. Only the questions that it draws
     otherwise are replaced: what was answered meanwhile, and what a finger is on, stays where it is. */
  const drawn = new WeakMap();
  const asked = new WeakMap();
  const blocks = (root) => all(".field[data-field]", root);
  const controls = (block) => all("input, select, textarea", block);
  const answers = (block) => controls(block).map((field) => `${field.name}=${/radio|checkbox/.test(field.type) ? field.checked : field.value}`).join("\n");
  const nameOf = (block) => controls(block)[0]?.name || block.dataset?.field;

  function drawing(block) {
    const copy = block.cloneNode(true);
    for (const field of all("input, option, textarea", copy)) {
      for (const answer of ["checked", "selected"]) field.removeAttribute(answer);
      if (field.tagName === "TEXTAREA") field.textContent = "";
      else if (field.tagName === "INPUT" && !/radio|checkbox|hidden/.test(field.type)) field.removeAttribute("value");
    }
    return copy.outerHTML;
  }

  async function refresh(form) {
    if (form.dataset.sent) return;
    asked.get(form)?.abort();
    const asking = new AbortController();
    asked.set(form, asking);
    const before = new Map(blocks(form).map((block) => [block, answers(block)]));
    let next;
    try {
      const answer = await fetch(form.dataset.refresh, {
        method: "POST", body: textOf(form), credentials: "same-origin", signal: asking.signal,
        headers: { "X-Requested-With": "fetch" },
      });
      next = $("form[data-refresh]", new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { return; }
    if (!next) return;
    for (const seen of all("input[data-seen]", next)) $(`input[data-seen][name="${seen.name}"]`, form).value = seen.value;
    settleAll(form, next, before);
  }

  const outer = (root) => all(".fields", root).filter((part) => part.parentNode.closest(".fields, form") === root.closest(".fields, form"));
  function settleAll(root, next, before) {
    const fresh = outer(next);
    outer(root).forEach((part, index) => { if (fresh[index]) settle(part, fresh[index], before); });
  }
  function settle(part, fresh, before) {
    const mine = new Map([...part.children].filter((child) => before.has(child)).map((block) => [nameOf(block), block]));
    const wanted = [...fresh.children].map((child) => {
      const old = mine.get(nameOf(child));
      return old && stays(old, child, before) ? old : child;
    });
    for (const child of [...part.children]) if (!wanted.includes(child)) child.remove();
    wanted.forEach((child, index) => {
      if (part.children[index] === child) return;
      part.insertBefore(child, part.children[index] || null);
      enhance(child);
    });
  }
  function stays(old, fresh, before) {
    if (drawn.get(old) === drawing(fresh) && answers(old) === answers(fresh)) return true;
    if ($(".fields", old) && outer(old).length === outer(fresh).length) {
      settleAll(old, fresh, before);
      return true;
    }
    return old.contains(document.activeElement) || Boolean($("input[type=file]", old)) || answers(old) !== before.get(old);
  }

  async function copy(button) {
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return; }
    const text = $("span", button);
    const before = text.textContent;
    text.textContent = "Copié";
    setTimeout(() => { text.textContent = before; }, 2500);
  }

  function enhance(root) {
    for (const block of [...(root.matches?.(".field[data-field]") ? [root] : []), ...blocks(root)]) drawn.set(block, drawing(block));
    all("form[data-autosave]", root).forEach(autosave);
    all("[data-count]", root).forEach(countCharacters);
    all(".password-rules", root).forEach(passwordRules);
    all(".decision", root).forEach(decision);
    all("[data-print], [data-copy]", root).forEach((button) => { button.hidden = false; });
  }

  /* Signing out forgets the sheets of attendance kept on this device; marks that still wait are said once, and sent from
     their own page (attendance.js). */
  async function signOut(event) {
    const form = event.target;
    if (!form.matches("form[action$='/deconnexion']") || event.defaultPrevented || !window.caches) return;
    event.preventDefault();
    if (Number(localStorage.getItem("presences-a-envoyer")) && !sessionStorage.getItem("presences-dit")) {
      sessionStorage.setItem("presences-dit", "1");
      return location.assign("/agent/presences");
    }
    for (const name of await caches.keys()) if (name.startsWith("presences-")) await caches.delete(name);
    form.submit();
  }

  document.addEventListener("submit", signOut);
  document.addEventListener("submit", sendOnce);
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.dataset.refresh && event.target.closest("[data-reactive]")) refresh(form);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-print], [data-copy]");
    if (button) "print" in button.dataset ? window.print() : copy(button);
  });
  document.addEventListener("htmx:after:swap", (event) => enhance(event.target));
  enhance(document);
  $("[data-error-summary]")?.focus();
})();
