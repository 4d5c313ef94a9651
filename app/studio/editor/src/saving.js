/* Saving a draft by itself: after a pause, one save at a time, never over somebody else's. See CONTRACT.md. */

const PAUSE = 1500;
const LONGEST = 60000;

/**
 * `read` gives the XML to save; `say(state, details)` is told what happens: "pending", "saving", "saved", "offline", "signed-out",
 * "refused" (422, tried again at the next change) and "stopped" (409, 403, 404: nothing is sent any more).
 */
export class Saving {
  constructor({ url, csrf, revision, read, say }) {
    Object.assign(this, { url, csrf, revision, read, say });
    this.stopped = false;
    this.wanted = 0; // number of the last change
    this.kept = 0; // number of the last change that was saved
    this.waits = 2000;
    this.running = null;
    window.addEventListener("online", () => this.retry());
    window.addEventListener("focus", () => { if (this.state === "signed-out") this.retry(); });
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.now(); });
    window.addEventListener("beforeunload", (event) => { if (this.unsaved && !this.stopped) { this.now(); event.preventDefault(); } });
  }

  get unsaved() { return this.wanted > this.kept; }

  tell(state, details) {
    this.state = state;
    this.say(state, details);
  }

  /** Something changed. */
  changed() {
    this.wanted += 1;
    if (this.stopped) return;
    if (!["offline", "signed-out"].includes(this.state)) this.tell("pending");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), PAUSE);
  }

  retry() {
    if (this.unsaved && !this.stopped) this.now();
  }

  /** Saves at once what is not saved; resolves when nothing is under way. */
  async now() {
    clearTimeout(this.timer);
    if (this.running) return this.running.then(() => (this.unsaved && this.state === "saving" ? this.now() : undefined));
    if (this.stopped || !this.unsaved) return undefined;
    this.running = this.save().finally(() => { this.running = null; });
    return this.running.then(() => { if (this.state === "saved" && this.unsaved) this.changed(); });
  }

  async save() {
    const number = this.wanted;
    this.tell("saving");
    let answer;
    try {
      answer = await post(this, this.url, { revision: this.revision, xml: await this.read() });
    } catch { return this.later("offline"); }
    const { status, told } = answer;
    if (answer.ok) {
      this.kept = number;
      this.revision = told.revision;
      this.waits = 2000;
      return this.tell("saved", told);
    }
    if (answer.away || status === 401 || status === 400) return this.later("signed-out");
    if ([403, 404, 409].includes(status)) return this.stop({ status, ...told });
    if (status === 422) return this.tell("refused", told);
    return this.later("offline");
  }

  later(state) {
    this.tell(state);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.retry(), this.waits);
    this.waits = Math.min(this.waits * 2, LONGEST);
  }

  /** Nothing is sent any more: the draft is somebody else's, or gone. */
  stop(details) {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.timer);
    this.tell("stopped", details);
  }
}

/** Sends a form as a script of this page; `holder.csrf` is its token. The answer to a page older than the session, when
    somebody signed in again in another tab, holds the new token: the same is then sent once more with it. */
async function post(holder, url, fields) {
  for (let turn = 0; ; turn += 1) {
    const body = new FormData();
    for (const [name, value] of Object.entries({ csrf_token: holder.csrf, ...fields })) body.append(name, value);
    const answer = await fetch(url, {
      method: "POST", body, credentials: "same-origin", redirect: "manual",
      headers: { "X-Requested-With": "fetch", "X-CSRFToken": holder.csrf, Accept: "application/json" },
    });
    const told = await answer.json().catch(() => ({}));
    if (answer.status !== 400 || !told.csrf_token || turn) return { ok: answer.ok, status: answer.status, away: answer.type === "opaqueredirect", told };
    holder.csrf = told.csrf_token;
  }
}

/** Asks who else is here, now and then; `others` is told their names, and a takeover stops the saving. */
export function keepPresence({ url, saving, others }) {
  if (!url) return;
  const ask = async () => {
    if (saving.stopped || document.hidden) return;
    const answer = await post(saving, url, { revision: saving.revision }).catch(() => null);
    if (!answer?.ok) return;
    others(answer.told.others || []);
    if (answer.told.taken_over_by) saving.stop({ status: 409, reason: "taken_over", by: answer.told.taken_over_by });
  };
  setInterval(ask, 45000);
  ask();
}
