/* Marks at the door, with or without a network. The forms of the page work without this file; with it, a mark goes into
   a queue on the device first, then to the portal, which writes each once. Kept in the queue: ids, never a name. */
"use strict";
(() => {
  const root = document.querySelector("[data-attendance]");
  if (!root || !window.indexedDB || !window.fetch) return;
  const $ = (selector, from = root) => from.querySelector(selector);
  const all = (selector, from = root) => [...from.querySelectorAll(selector)];
  const { who, send, worker, scope, activity, day } = root.dataset;
  const DAY = 24 * 3600 * 1000;
  const KEPT = 8 * DAY;
  const BATCH = 100;
  const AGAIN = 15000;

  /* -- what is kept on the device -- */
  const opened = new Promise((resolve, reject) => {
    const asked = indexedDB.open("presences", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("marks", { keyPath: "id" });
      asked.result.createObjectStore("notices", { keyPath: "id" });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  async function within(store, mode, act) {
    const base = await opened;
    return new Promise((resolve, reject) => {
      const step = base.transaction(store, mode);
      const asked = act(step.objectStore(store));
      step.oncomplete = () => resolve(asked?.result);
      step.onerror = step.onabort = () => reject(step.error);
    });
  }
  const put = (store, row) => within(store, "readwrite", (held) => held.put(row));
  const remove = (store, id) => within(store, "readwrite", (held) => held.delete(id));
  async function mine(store) {
    const rows = await within(store, "readonly", (held) => held.getAll());
    const old = rows.filter((row) => Date.now() - row.at > KEPT);
    for (const row of old) await remove(store, row.id);
    return rows.filter((row) => row.who === who && !old.includes(row)).sort((one, other) => one.at - other.at || one.n - other.n);
  }
  const number = () => crypto.randomUUID?.() || "10000000-1000-4000-8000-100000000000".replace(/[018]/g,
    (c) => (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16));

  /* -- what the page shows -- */
  const line = (child) => document.getElementById(`enfant-${child}`);
  const template = (name) => $(`template[data-tag="${name}"]`).content.cloneNode(true);
  const shownAs = { present: "present", unbooked: "present", absent: "absent", expected: "expected", left: "left" };
  const ofState = (state, kind) => state.startsWith("present") ? (kind === "left" ? "left" : "present") : state.startsWith("absent") ? "absent"
    : shownAs[kind] === "absent" ? "absent" : "expected";

  function paint(child, marked, { left = "", pending = false } = {}) {
    const row = line(child);
    if (!row) return;
    row.dataset.marked = marked;
    const slot = $("[data-state]", row);
    const tag = template(marked);
    if (marked === "left") $("[data-words]", tag).textContent = `Parti à ${left.replace(":", " h ")}`;
    $(".door__by", row)?.remove(); // it said who had noted before
    slot.replaceChildren(tag, ...(pending ? [template("pending")] : []));
    for (const button of all("button[name=marque][aria-pressed]", row)) {
      const on = button.value === marked || (button.value !== "absent" && (marked === "left" || marked === "present"));
      button.setAttribute("aria-pressed", String(on));
      button.dataset.variant = on ? "primary" : "secondary";
    }
    const undo = $("[data-undo]", row);
    if (undo) undo.hidden = marked === "expected";
    count();
  }
  function count() {
    const rows = all(".door").filter((row) => row.dataset.marked && (!("other" in row.dataset) || row.dataset.marked !== "expected"));
    const of = (...kinds) => rows.filter((row) => kinds.includes(row.dataset.marked)).length;
    const totals = { present: of("present", "left"), absent: of("absent"), unmarked: of("expected") };
    for (const [name, value] of Object.entries(totals)) {
      const place = $(`[data-total="${name}"]`);
      if (place) place.textContent = value;
    }
  }

  const marks = (count) => `${count} pointage${count > 1 ? "s" : ""}`;
  let offline = !navigator.onLine;
  let state = "";
  async function banner() {
    const place = $("[data-network]");
    const waiting = (await mine("marks")).length;
    localStorage.setItem("presences-a-envoyer", String(waiting));
    let text = "";
    let tone = "waiting";
    if (state === "ended") text = `Votre session a pris fin. ${waiting ? `${marks(waiting)} à envoyer : gardés sur cet appareil.` : ""}`;
    else if (offline) text = waiting ? `Hors ligne, ${marks(waiting)} à envoyer. Continuez : tout partira au retour du réseau.` : "Hors ligne. Vous pouvez continuer à pointer.";
    else if (state === "failed") text = `${marks(waiting)} à envoyer : le portail ne répond pas, nouvel essai dans un instant.`;
    else if (waiting) text = `Envoi de ${marks(waiting)}…`;
    else if (state === "sent") { text = "Tout est envoyé."; tone = "success"; }
    $("[data-words]", place).textContent = text;
    $("[data-sign-in]", place).hidden = state !== "ended";
    place.dataset.tone = tone;
    place.hidden = !text;
  }

  /* What somebody else noted meanwhile: shown beside the child until somebody decides. */
  async function notices() {
    const found = await mine("notices");
    const elsewhere = found.filter((one) => one.activity !== activity || one.day !== day || !line(one.child));
    const list = $("[data-notices]");
    list.hidden = elsewhere.length === 0;
    $("ul", list).replaceChildren(...elsewhere.map((one) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `${scope}/${one.activity}/${one.day}#enfant-${one.child}`;
      link.textContent = one.words;
      item.append(link);
      return item;
    }));
    for (const old of all(".door__conflict")) old.remove();
    for (const one of found.filter((each) => !elsewhere.includes(each))) {
      const box = template("conflict").firstElementChild;
      $("[data-words]", box).textContent = one.words;
      $("[data-keep]", box).addEventListener("click", () => settle(one));
      const again = $("[data-again]", box);
      again.hidden = one.outcome !== "conflict";
      again.textContent = `Noter quand même « ${$(`template[data-tag="${shownAs[one.kind]}"]`).dataset.label} »`;
      again.addEventListener("click", async () => { await settle(one); await note(one.child, one.kind, one.token, one.left); });
      line(one.child).append(box);
    }
  }
  async function settle(one) {
    await remove("notices", one.id);
    await notices();
    line(one.child)?.querySelector("button")?.focus();
  }

  /* -- marking and sending -- */
  let order = 0;
  async function note(child, kind, seen, left) {
    await put("marks", { id: number(), who, activity, day, child, kind, seen, left, at: Date.now(), n: order++ });
    paint(child, shownAs[kind], { left, pending: true });
    await banner();
    flush();
  }

  let flushing = false;
  let timer = 0;
  async function flush() {
    if (flushing || state === "ended") return;
    flushing = true;
    clearTimeout(timer);
    try {
      for (let batch = (await mine("marks")).slice(0, BATCH); batch.length; batch = (await mine("marks")).slice(0, BATCH)) {
        const told = await post(batch);
        if (!told) { timer = setTimeout(flush, AGAIN); break; }
        for (const one of batch) await received(one, told.get(one.id));
        state = "sent";
      }
    } finally { flushing = false; }
    await banner();
    await notices();
  }
  async function post(batch, renewed = false) {
    let answer;
    try {
      answer = await fetch(send, {
        method: "POST", credentials: "same-origin", redirect: "manual",
        headers: { "Content-Type": "application/json", Accept: "application/json", "X-Requested-With": "fetch", "X-CSRFToken": token() },
        body: JSON.stringify({ marks: batch.map(({ id, activity: of, day: on, child, kind, seen, left, at }) => ({ id, activity: of, day: on, child, kind, seen, left, at: new Date(at).toISOString() })) }),
      });
    } catch { offline = true; return null; }
    offline = false;
    const said = await answer.json().catch(() => ({}));
    if (answer.status === 400 && said.csrf_token && !renewed) {
      for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = said.csrf_token;
      return post(batch, true);
    }
    if (answer.status === 401 || answer.type === "opaqueredirect") { state = "ended"; return null; }
    if (!answer.ok) { state = "failed"; return null; }
    return new Map(said.told.map((one) => [one.id, one]));
  }
  const token = () => document.querySelector("input[name=csrf_token]")?.value || "";
  async function received(one, said) {
    if (!said) return;
    if (said.outcome === "conflict" || said.outcome === "refused") await put("notices", { ...one, outcome: said.outcome, words: said.words, token: said.token });
    await remove("marks", one.id);
    if (one.activity !== activity || one.day !== day) return;
    const later = (await mine("marks")).some((each) => each.child === one.child && each.activity === activity && each.day === day);
    for (const field of all("input[name=vu]", line(one.child) || root)) if (line(one.child)) field.value = said.token;
    if (!later) paint(one.child, ofState(said.state || "", said.outcome === "conflict" ? said.kind : one.kind), { left: one.left });
  }

  root.addEventListener("submit", (event) => {
    const button = event.submitter;
    const form = event.target;
    if (button?.name !== "marque" && !form.querySelector("button[name=marque]")) return;
    const kind = button?.value || form.querySelector("button[name=marque]").value;
    const left = form.elements.parti?.value || "";
    if (kind === "left" && !left) return; // the page says what is missing
    event.preventDefault();
    note(form.elements.enfant.value, kind, form.elements.vu.value, left);
  });
  window.addEventListener("online", () => { offline = false; banner(); flush(); });
  window.addEventListener("offline", () => { offline = true; banner(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) flush(); });

  /* -- the pages themselves -- */
  async function keep(url) {
    const answer = await fetch(url, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const headers = new Headers(answer.headers);
    headers.set("X-Kept-At", String(Date.now()));
    const address = new URL(url, location).href.split("#")[0];
    await (await caches.open("presences-pages")).put(address, new Response(await answer.blob(), { headers }));
  }
  async function keepDrawings() {
    const cache = await caches.open("presences-static");
    const names = performance.getEntriesByType("resource").map((entry) => entry.name.split("#")[0]);
    const linked = all("link[rel=stylesheet], link[rel=icon]", document).map((each) => each.href);
    const here = new Set([...names, ...linked].filter((name) => name.startsWith(location.origin) && /\/static\/|\/theme\.css/.test(name)));
    const current = new Set(here);
    for (const name of here) if (!(await cache.match(name, { ignoreVary: true }))) await cache.add(name).catch(() => {});
    for (const old of await cache.keys()) if (/\.css$|\.js$/.test(new URL(old.url).pathname) && !current.has(old.url)) await cache.delete(old);
  }
  async function install() {
    if (!navigator.serviceWorker || !window.caches) return;
    if (localStorage.getItem("presences-qui") !== who) {
      await caches.delete("presences-pages"); // somebody else's
      localStorage.setItem("presences-qui", who);
    }
    const pages = await caches.open("presences-pages");
    for (const old of await pages.keys()) {
      const at = Number((await pages.match(old))?.headers.get("X-Kept-At"));
      if (Date.now() - at > DAY) await pages.delete(old);
    }
    const controlled = Boolean(navigator.serviceWorker.controller);
    await navigator.serviceWorker.register(worker, { scope });
    await navigator.serviceWorker.ready;
    if (!controlled && !location.search && navigator.onLine) await keep(location.pathname);
    await keepDrawings();
    root.dataset.kept = "";
    const button = $("[data-keep-sheets]");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const said = $("[data-kept-words]");
      said.textContent = "Un instant…";
      try {
        for (const link of all("a[data-sheet]")) await keep(link.getAttribute("href"));
        said.textContent = "Les feuilles de cette page sont gardées sur cet appareil pour un jour. Elles s’effacent quand vous vous déconnectez.";
      } catch { said.textContent = "Le réseau ne répond pas : les feuilles ne sont pas toutes gardées. Essayez encore."; }
    });
  }

  (async () => {
    if (activity) for (const one of await mine("marks")) if (one.activity === activity && one.day === day) paint(one.child, shownAs[one.kind], { left: one.left, pending: true });
    await banner();
    await notices();
    await install().catch(() => {});
    flush();
  })();
})();
