// Walks every page there is, as several people: node walk.cjs PLAN.json
// PLAN: { base, npm, chromium, shots, people: [{ login, password }], patterns: [..], elsewhere: [..], strings: bool, seeds: [..] }
//
// `patterns` are the pages of the table of routes, so that a new page is walked by itself; addresses are found by following
// links, two of a kind at most. Every page is judged by axe in both themes and languages and at two widths; a word on the
// browser's console, a broken link, a script that ran or a request to elsewhere is a fault. With `strings`, every form is
// sent full of hostile texts first, and every text that a page shows must stand there as it was sent.
// Prints one JSON object: { done, faults, seen, missing, ... }.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const { corpus, turning } = require("./strings.cjs");

const plan = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const peers = createRequire(path.join(plan.npm, "node_modules", "x.js"));
const puppeteer = peers("puppeteer-core");
const axe = peers("axe-core").source;

const faults = new Set();
const fault = (text) => faults.add(text.slice(0, 500));
// Pages that are open at the same time.
const TABS = 3;

// The pattern of a path: the one with most fixed parts that fits.
const places = plan.patterns
  .map((pattern) => ({ pattern, parts: pattern.split("/") }))
  .sort((a, b) => b.parts.filter((one) => !one.startsWith("{")).length - a.parts.filter((one) => !one.startsWith("{")).length);
const patternOf = (where) => {
  const parts = where.split("/");
  const fits = ({ parts: wanted }) => wanted.length === parts.length && wanted.every((one, n) => one === parts[n] || (one.startsWith("{") && parts[n] !== ""));
  return places.find(fits)?.pattern ?? null;
};
// Addresses of a kind: the same pattern, and the same choice of what is shown where there is one. Filters of a list are
// one kind.
const CHOICES = ["do", "tab", "beside", "view", "as", "act", "by"];
const kindOf = (url) => {
  const pattern = patternOf(url.pathname);
  if (pattern === null) return null;
  const fields = [...url.searchParams.entries()].filter(([name]) => CHOICES.includes(name));
  return pattern + "?" + fields.map(([name, value]) => name + "=" + value).sort().join("&");
};

const walk = async (browser) => {
  // Fills and refuses on purpose while forms are sent: then a refusal is no fault.
  let filling = false;
  const ran = [];
  const open = async (context) => {
    const page = await context.newPage();
    page.setDefaultTimeout(120000);
    await page.evaluateOnNewDocument(() => { window.wfRan = (n) => { window.wfHit = (window.wfHit ?? []).concat(n); }; });
    page.on("dialog", async (dialog) => {
      if (dialog.type() === "beforeunload" || filling) return dialog.accept();
      fault(`dialog: ${page.url()}: ${dialog.message()}`);
      return dialog.dismiss();
    });
    page.on("console", (message) => {
      // What is asked for first by the walk itself may be another person's.
      const refused = (filling || page.probing) && /status of 4\d\d/.test(message.text());
      if (message.type() === "error" && !refused) fault(`console: ${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => fault(`script: ${page.url()}: ${error.message}`));
    page.on("request", (request) => {
      const own = request.url().startsWith(plan.base) || request.url().startsWith("data:") || request.url() === "about:blank" || request.url() === "about:srcdoc";
      if (!own) fault(`elsewhere: ${page.url()}: ${request.url()}`);
    });
    return page;
  };
  const go = async (page, where, lang) => {
    const url = new URL(where, plan.base);
    if (lang) url.searchParams.set("lang", lang);
    let answer = await page.goto(url.href, { waitUntil: "load" });
    // A page that may run nothing at all, not even what judges it: it is looked at without its policy, so that what it
    // holds back would run.
    if (/(^|;)\s*sandbox/.test(answer?.headers()["content-security-policy"] ?? "")) {
      await page.setBypassCSP(true);
      answer = await page.goto(url.href, { waitUntil: "load" });
      await page.setBypassCSP(false);
    }
    const hit = await page.evaluate(() => window.wfHit ?? []);
    for (const n of hit) fault(`ran: ${page.url()}: string ${n}`);
    return answer;
  };

  // What texts of ours a page shows, and how.
  const shown = (page) => page.evaluate(() => {
    const found = [];
    const take = (text, how, element) => { if (/q\d+z/.test(text)) found.push({ text, how, isolated: element ? getComputedStyle(element).unicodeBidi : "", tag: element ? element.tagName + "." + element.className : "" }); };
    const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      if (["SCRIPT", "STYLE", "TITLE"].includes(node.parentElement?.tagName)) { take(node.data, "title", null); continue; }
      take(node.data, "text", node.parentElement);
    }
    for (const one of document.querySelectorAll("input,textarea,option")) take(String(one.value), "value", null);
    for (const one of document.querySelectorAll("[title],[aria-label],[alt],[placeholder]")) for (const name of ["title", "aria-label", "alt", "placeholder"]) take(one.getAttribute(name) ?? "", "attribute", null);
    return found;
  });
  // Letters that nobody sees are left out, or stand as a sign that one is there.
  const same = (text) => text.replace(/\r\n?/g, "\n").replace(/\[([.:])\]/g, "$1").replace(/hxxp/g, "http").replace(/[\p{Cf}\ufffd]/gu, "").normalize("NFC");
  // Compares what is shown with what was sent: whole, or cut with a sign of it.
  const compare = (where, pieces, verbatim) => {
    for (const piece of pieces) {
      const text = same(piece.text);
      for (const mark of text.matchAll(/q(\d+)z/gi)) {
        const sent = corpus[Number(mark[1])];
        if (!sent) continue;
        const whole = same(sent.text);
        const rest = text.slice(mark.index);
        const flat = (one) => one.replace(/\s+/g, " ").toLowerCase();
        // A field of one line holds no end of a line.
        if (flat(rest).startsWith(flat(whole)) || flat(rest).startsWith(flat(whole.replace(/\n/g, "")))) {
          verbatim.add(sent.n);
          if (piece.how === "text" && turning.test(piece.text)) {
            if (!/isolate|plaintext/.test(piece.isolated)) fault(`not isolated: ${where}: ${piece.tag}: string ${sent.n}`);
            // Kept apart within the text itself.
            if (piece.text.includes("\u2068q" + mark[1] + "z")) continue;
            const others = flat(text).split(flat(whole)).join("").trim();
            if (/[\p{L}\p{N}]/u.test(others)) fault(`shares its box: ${where}: ${piece.tag}: string ${sent.n}: ${others.slice(0, 60)}`);
          }
          continue;
        }
        // Cut: by us with an ellipsis, or before what a field of one line cannot hold.
        const cut = rest.search(/…|\.\.\.|\n/);
        const kept = flat(cut < 0 ? rest : rest.slice(0, cut)).trim();
        if (kept.length >= 4 && flat(whole).startsWith(kept)) continue;
        // Addresses are shown as the browser would write them.
        if (/%[0-9a-f]{2}/i.test(rest) || piece.how === "title") continue;
        // The trail, and it alone, is shown as it is stored, and JSON writes quotes with a backslash.
        const plain = where.startsWith("/console/audit") ? rest.replace(/\\(["\\/])/g, "$1") : rest;
        if (plain !== rest && flat(plain).startsWith(flat(whole))) continue;
        fault(`not verbatim: ${where} (${piece.how}): string ${sent.n}: ${JSON.stringify(rest.slice(0, 120))}`);
      }
    }
  };

  const judge = async (page, where) => {
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
      return violations.map((one) => one.id + " " + one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", "));
    });
    for (const one of found) fault(`axe: ${where}: ${one}`);
  };
  const width = async (page, wide, where) => {
    await page.setViewport({ width: wide, height: 900 });
    const over = await page.evaluate(() => {
      if (document.documentElement.scrollWidth <= innerWidth + 1) return null;
      const far = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && ![...one.children].some((child) => child.getBoundingClientRect().right > innerWidth + 1));
      return far.slice(0, 3).map((one) => one.tagName + "." + one.className).join(", ") || "?";
    });
    if (over !== null) fault(`wider than ${wide}: ${where}: ${over}`);
  };
  // Two loads a page: wide, light and Chinese; narrow, dark and English. Each is measured at the other width too.
  const dress = async (page, value, wide) => {
    await page.setViewport({ width: wide, height: 900 });
    // Before the page is loaded, and nothing glides: colours are judged as they stay.
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }, { name: "prefers-reduced-motion", value: "reduce" }]);
  };
  const LOOKS = [["zh", "light", 1440, 390], ["en", "dark", 390, 1440]];
  const spent = [];
  const look = async (page, url, verbatim) => {
    const begun = Date.now();
    const links = [];
    for (const [lang, value, first, then] of LOOKS) {
      const where = `${url} (${lang} ${value} ${first})`;
      // The page is there already in the first look.
      if (lang !== "zh") {
        await dress(page, value, first);
        const answer = await go(page, url, lang);
        if (answer && answer.status() >= 400) fault(`status ${answer.status()}: ${where}`);
      }
      await width(page, first, where);
      await judge(page, where);
      if (verbatim) compare(where, await shown(page), verbatim);
      await width(page, then, where);
      links.push(...await page.evaluate(() => [...document.querySelectorAll("a[href],iframe[src],img[src]")].map((one) => one.getAttribute("href") ?? one.src)));
    }
    spent.push([Date.now() - begun, url]);
    return links;
  };

  // Every address of a kind, once; `each` does something there and gives the links that go on.
  const visited = new Map();
  const crawl = async (context, kinds, each, seeds) => {
    const queue = [];
    const known = new Set();
    const add = (href, base, linked) => {
      let url;
      try { url = new URL(href, base); } catch { fault(`no address: ${base}: ${href}`); return; }
      if (url.origin !== plan.base) return;
      url.hash = "";
      url.searchParams.delete("lang");
      if (known.has(url.href)) return;
      known.add(url.href);
      const kind = kindOf(url);
      if (kind === null) return;
      const count = kinds.get(kind) ?? 0;
      if (count >= (plan.each ?? 1)) return;
      kinds.set(kind, count + 1);
      queue.push({ url: url.pathname + url.search, pattern: patternOf(url.pathname), linked });
    };
    for (const pattern of plan.patterns) if (!pattern.includes("{")) add(pattern, plan.base);
    for (const seed of [...(plan.seeds ?? []), ...seeds]) add(seed, plan.base);
    let busy = 0;
    const files = new Set();
    // What is at an address, left open in the page where it is one.
    const there = async (page, url) => {
      const asked = () => page.evaluate(async (url) => {
        const answer = await fetch(url);
        await answer.body.cancel();
        return { status: answer.status, type: answer.headers.get("content-type"), path: new URL(answer.url).pathname };
      }, url).catch((error) => ({ status: 0, type: String(error), path: "" }));
      // Lines of changes have no end, and a browser stores files: those are asked for by the page.
      if (files.has(patternOf(new URL(url, plan.base).pathname)) || /^\/console\/changes|\/(files|originals|parts|evidence)\//.test(url)) return asked();
      await dress(page, "light", 1440);
      let came = null;
      const hear = (answer) => { if (answer.request().isNavigationRequest() && answer.frame() === page.mainFrame()) came = answer; };
      page.on("response", hear);
      try {
        came = (await go(page, url, "zh")) ?? came;
      } catch (error) {
        if (!/ERR_ABORTED/.test(error.message)) return { status: 0, type: String(error), path: "" };
        files.add(patternOf(new URL(url, plan.base).pathname));
        if (!came) return asked();
      } finally {
        page.off("response", hear);
      }
      return { status: came.status(), type: came.headers()["content-type"] ?? "", path: new URL(came.url()).pathname };
    };
    const worker = async () => {
      const page = await open(context);
      await go(page, "/report");
      for (;;) {
        const next = queue.shift();
        if (!next) {
          if (busy === 0) break;
          await new Promise((wake) => setTimeout(wake, 20));
          continue;
        }
        busy += 1;
        try {
          page.probing = true;
          const kind = await there(page, next.url);
          page.probing = false;
          const home = patternOf(kind.path) ?? kind.path;
          if ([401, 403, 404].includes(kind.status)) {
            // Another person's page; whoever may see it walks it. But no page of ours links to what is not there.
            if (next.linked && !filling) fault(`a link leads to ${kind.status}: ${next.linked} -> ${next.url}`);
          } else if (kind.status === 422 && !next.linked) {
            // An act that is asked for with nothing chosen.
            visited.set(next.pattern, (visited.get(next.pattern) ?? 0) + 1);
          } else if (kind.status >= 400 || kind.status === 0) {
            fault(`status ${kind.status}: ${next.url}: ${kind.type}`);
          } else if (!kind.type.startsWith("text/html")) {
            visited.set(next.pattern, (visited.get(next.pattern) ?? 0) + 1);
          } else if (home !== next.pattern) {
            // Sent elsewhere: signing in, or the newest of its kind.
            visited.set(next.pattern + " >", 1);
            add(kind.path, plan.base);
          } else {
            visited.set(next.pattern, (visited.get(next.pattern) ?? 0) + 1);
            if (filling) seeds.add(next.url);
            for (const link of await each(page, next.url)) add(link, plan.base + next.url, next.url);
          }
        } catch (error) {
          fault(`walk: ${next.url}: ${error.message}`);
        }
        busy -= 1;
      }
      await page.close();
    };
    await Promise.all(Array.from({ length: TABS }, worker));
  };

  // Sends every form of a page once a kind, its fields full of texts.
  let turn = 0;
  const sent = new Set();
  const refusedForms = [];
  const NEVER = /sign-out|\/taste|\/me\/(password|second-factor|sessions|identities)|\/publish$|\/withdraw$|\/exercise\/|users\/[^/]+\/(password|second-factor|sessions|organization)|sign-in|\/merge$/;
  // Fills a form in the page and sends it: by its button, or in place of it by a request of the page.
  const SEND = async ({ at, used, action, click }) => {
    const form = document.forms[at];
    const to = new URL(form?.getAttribute("action") || location.href, location.href);
    if (!form || to.pathname !== action) return null;
    form.noValidate = true;
    const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";
    const plain = { url: "https://a.example.test/x", email: "a@example.test", tel: "+8600000000000" };
    const later = new Date(Date.now() + 9e7).toISOString();
    const words = (one) => {
      if (/^(place|url|address|object)$/.test(one.name)) return "https://a.example.test/" + Math.random().toString(36).slice(2);
      if (one.name === "login") return "somebody." + Math.random().toString(36).slice(2);
      if (one.name === "incident") return "";
      if (one.pattern) return "plain-words";
      return one.required ? "plain words" : "";
    };
    const radios = new Set();
    for (const one of form.elements) {
      // What people do not see is left as it is: whoever fills it is a program.
      if (!one.name || (one.tabIndex < 0 && one.type !== "hidden")) continue;
      if (one.name in used) { one.type = one.tagName === "INPUT" ? "text" : one.type; one.value = used[one.name]; }
      else if (one.tagName === "TEXTAREA") one.value = one.defaultValue || (one.required ? "plain words" : "");
      else if (one.tagName === "INPUT" && plain[one.type]) one.value = one.defaultValue || (one.required ? plain[one.type] : "");
      else if (one.tagName === "INPUT" && ["text", "search"].includes(one.type)) one.value = one.defaultValue || words(one);
      else if (one.type === "file") {
        const kept = new DataTransfer();
        if (/image/.test(one.accept)) kept.items.add(new File([Uint8Array.from(atob(PNG), (c) => c.charCodeAt(0))], "a.png", { type: "image/png" }));
        else kept.items.add(new File(["name_en,roles,channel,address\r\nWalk,registrar,mail,abuse@walk.example\r\n"], "a.csv", { type: "text/csv" }));
        one.files = kept.files;
      }
      else if (one.type === "radio" && !radios.has(one.name)) { radios.add(one.name); if (!form.querySelector(`[name="${one.name}"]:checked`)) one.checked = true; }
      else if (one.type === "checkbox" && one.required) one.checked = true;
      else if (one.type === "datetime-local" && !one.value) one.value = later.slice(0, 16);
      else if (one.type === "date" && !one.value) one.value = later.slice(0, 10);
      else if (one.tagName === "SELECT" && !one.value && one.options.length > 1) one.selectedIndex = 1;
    }
    const button = [...form.elements].find((one) => one.tagName === "BUTTON" && one.type === "submit");
    if (click) { form.requestSubmit(button); return {}; }
    const fields = new FormData(form, button);
    const body = form.enctype === "multipart/form-data" ? fields : new URLSearchParams(fields);
    const answer = await fetch(to, { method: "post", body });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    return { status: answer.status, alert: found.querySelector("[role=alert]") !== null, at: answer.url };
  };
  const fill = async (page, url) => {
    const links = [];
    // Fields may be called what a form's own things are called.
    const forms = async () => page.evaluate(() => [...document.forms].map((form, at) => ({
      at, method: form.getAttribute("method") ?? "get", action: new URL(form.getAttribute("action") || location.href, location.href).pathname,
      button: form.querySelector("button[name]")?.value ?? "",
      texts: [...form.elements].filter((one) => one.name && one.tabIndex >= 0 && (one.tagName === "TEXTAREA" || (one.tagName === "INPUT" && ["text", "search", "url", "email", "tel", "password"].includes(one.type)))).map((one) => one.name),
    })));
    await go(page, url, "en");
    links.push(...await page.evaluate(() => [...document.querySelectorAll("a[href]")].map((one) => one.getAttribute("href"))));
    let moved = false;
    for (const form of await forms()) {
      const pattern = form.action.replace(/\/(\d+|[A-Z]+-[0-9A-Z]+|[0-9a-f]{16,}|\d{4}-\d\d?)(?=\/|$)/g, "/*");
      const key = form.method + " " + pattern + " " + form.texts.join(",") + " " + form.button;
      if (NEVER.test(form.action) || form.texts.length === 0 || sent.has(key)) continue;
      sent.add(key);
      // All fields at once, by a click; where that is refused, one field after the other beside what the page itself
      // fills in, without leaving the page.
      // At last without any, so that there is something to be seen.
      const rounds = [null, ...(form.texts.length > 1 ? form.texts : []), ""];
      let taken = false;
      for (const alone of rounds) {
        if (alone === "" && taken) break;
        if (moved) { await go(page, url, "en"); moved = false; }
        const used = {};
        for (const name of form.texts) if (alone === null || alone === name) { used[name] = corpus[turn % corpus.length].text; turn += 1; }
        const click = alone === null;
        const gone = click ? page.waitForNavigation({ waitUntil: "load", timeout: 20000 }).catch(() => null) : null;
        const there = await page.evaluate(SEND, { at: form.at, used, action: form.action, click });
        if (!there) break;
        moved = click;
        let { status, alert, at } = there;
        if (click) {
          const answer = await gone;
          status = answer ? answer.status() : 0;
          alert = (await page.$("[role=alert]").catch(() => null)) !== null;
          at = page.url();
          const hit = await page.evaluate(() => window.wfHit ?? []).catch(() => []);
          for (const n of hit) fault(`ran: after ${key}: string ${n}`);
        }
        if (status >= 500) fault(`status ${status}: ${key} by ${JSON.stringify(used).slice(0, 200)}`);
        const good = status > 0 && status < 400 && !alert;
        taken ||= good;
        if (good) for (const name of Object.keys(used)) stored.add(pattern + " " + name);
        else refusedForms.push(key + " " + (alone ?? "(all)") + ": " + status);
        if (good) { links.push(at); if (alone === null) break; }
        if (form.method === "get") break;
      }
    }
    return links;
  };
  const stored = new Set();

  const phases = {};
  let since = Date.now();
  const phase = (name) => { phases[name] = Date.now() - since; since = Date.now(); };
  const people = [];
  for (const person of plan.people) {
    const context = await browser.createBrowserContext();
    const page = await open(context);
    if (person.login) {
      await page.goto(plan.base + "/console/sign-in");
      await page.type("#login", person.login);
      await page.type("#password", person.password);
      await Promise.all([page.waitForNavigation(), page.click("main button.pri")]);
      if (page.url().includes("sign-in")) throw new Error("not signed in: " + person.login);
    }
    await page.close();
    // Where the forms were, and where they led to.
    people.push({ ...person, context, seeds: new Set() });
  }
  phase("signed in");
  if (plan.strings) {
    filling = true;
    // Twice: what the first round made has forms of its own.
    for (let round = 0; round < 2; round++) for (const { context, seeds } of people) await crawl(context, new Map(), fill, seeds);
    filling = false;
  }
  phase("filled");
  visited.clear();
  const verbatim = new Set();
  // Kinds that one person saw, another need not see again: but the public's pages are looked at as the public.
  const kinds = new Map();
  for (const { context, seeds } of people) {
    const mine = new Map(kinds);
    await crawl(context, mine, async (page, where) => {
      kinds.set(kindOf(new URL(where, plan.base)), plan.each ?? 1);
      return look(page, where, plan.strings ? verbatim : null);
    }, seeds);
  }
  phase("looked");
  return { visited: Object.fromEntries(visited), stored: [...stored], verbatim: [...verbatim], refused: refusedForms, strings: corpus.length, phases, slowest: spent.sort((a, b) => b[0] - a[0]).slice(0, 12) };
};

(async () => {
  const begun = Date.now();
  const browser = await puppeteer.launch({ executablePath: plan.chromium, headless: true, protocolTimeout: 120000, args: ["--no-sandbox", "--disable-gpu"] });
  let result = {};
  let error = null;
  try {
    result = await walk(browser);
  } catch (caught) {
    error = String((caught && caught.stack) || caught);
  }
  process.stdout.write(JSON.stringify({ done: error === null, error, seconds: (Date.now() - begun) / 1000, faults: [...faults].sort(), ...result }) + "\n");
  await browser.close();
})();
