/* « Présences » without a network. Scope: the attendance pages only. What is kept: the list, the sheets that somebody
   opened or asked to keep, and what draws them; never the pages about health. A day later, or at sign-out, it is gone. */
"use strict";
const PAGES = "presences-pages";
const DRAWN = "presences-static";
const DAY = 24 * 3600 * 1000;
const HERE = "/agent/presences";
const SHEET = /^\/agent\/presences\/[0-9a-f-]{36}\/\d{4}-\d\d-\d\d$/;

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const kept = (url) => url.search === "" && (url.pathname.endsWith(HERE) || SHEET.test(url.pathname.slice(url.pathname.indexOf(HERE))));

async function keep(request, response) {
  const headers = new Headers(response.headers);
  headers.set("X-Kept-At", String(Date.now()));
  const body = await response.blob();
  await (await caches.open(PAGES)).put(request.url.split("#")[0], new Response(body, { headers }));
}

async function forgotten() {
  await caches.delete(PAGES);
}

async function page(request) {
  const url = new URL(request.url);
  try {
    const answer = await fetch(request);
    if (answer.type === "opaqueredirect") await forgotten(); // nobody is signed in any more
    else if (answer.ok && kept(url)) await keep(request, answer.clone());
    return answer;
  } catch (error) {
    const found = await (await caches.open(PAGES)).match(request.url.split("#")[0]);
    if (found && Date.now() - Number(found.headers.get("X-Kept-At")) < DAY) return found;
    return lost();
  }
}

function lost() {
  const text = `<!doctype html><html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hors ligne – Présences</title></head><body><main><h1>Hors ligne</h1>
<p>Cette page n’est pas gardée sur cet appareil, ou elle l’est depuis plus d’un jour.</p>
<p>Vos pointages déjà notés sont gardés : ils partiront au retour du réseau.</p>
<p><a href="${HERE}">Feuilles du jour</a></p></main></body></html>`;
  return new Response(text, { status: 503, headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'" } });
}

async function drawing(request) {
  const cache = await caches.open(DRAWN);
  const found = await cache.match(request, { ignoreVary: true });
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (/\/static\/|\/theme\.css$/.test(url.pathname)) event.respondWith(drawing(request));
});
