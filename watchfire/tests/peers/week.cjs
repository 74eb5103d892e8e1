// A week in a browser, by five people: node week.cjs PLAN.json
// PLAN: { base, npm, chromium, shots, password, url, issue, steps: [..] } ; prints one JSON line a step and ends with
// { "done": true, "faults": [...] }. Faults are console errors, failed scripts, requests to elsewhere and what axe finds.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const plan = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const peers = createRequire(path.join(plan.npm, "node_modules", "x.js"));
const puppeteer = peers("puppeteer-core");
const axe = peers("axe-core").source;

const faults = [];
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
// What a step waits for is told by the test's other half over a file: it holds a line for each thing done.
const told = (word) => fs.existsSync(plan.mark) && fs.readFileSync(plan.mark, "utf8").split("\n").includes(word);
const until = async (word) => {
  for (let n = 0; n < 1200 && !told(word); n++) await new Promise((wake) => setTimeout(wake, 100));
  if (!told(word)) throw new Error("did not come about: " + word);
};

(async () => {
  const browser = await puppeteer.launch({ executablePath: plan.chromium, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  const person = async (login) => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(60000);
    page.on("dialog", (dialog) => dialog.accept());
    page.on("console", (message) => {
      // A refusal that a step provokes on purpose is no fault of the page; nor is the page that asks who is there.
      const asked = page.sending && message.text().includes("status of 403");
      if (message.type() === "error" && !page.provoked && !asked) faults.push(`console: ${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`script: ${page.url()}: ${error.message}`));
    page.on("request", (request) => {
      const own = request.url().startsWith(plan.base) || request.url().startsWith("data:");
      if (!own) faults.push(`elsewhere: ${page.url()}: ${request.url()}`);
    });
    if (login) {
      await page.goto(plan.base + "/console/sign-in");
      await page.type("#login", login);
      await page.type("#password", plan.password);
      await Promise.all([page.waitForNavigation(), page.click("main button.pri")]);
      if (page.url().includes("sign-in")) throw new Error("not signed in: " + login);
    }
    return page;
  };
  let number = 0;
  let proofs = 0;
  // The page as a picture, in four looks, and axe on each.
  const look = async (page, name) => {
    const here = new URL(page.url());
    for (const [width, scheme, lang] of [[1440, "light", "zh"], [1440, "dark", "en"], [390, "dark", "zh"], [390, "light", "en"]]) {
      await page.setViewport({ width, height: width === 390 ? 844 : 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      here.searchParams.set("lang", lang);
      await page.goto(here.href, { waitUntil: "load" });
      await page.screenshot({ path: path.join(plan.shots, `${String(number).padStart(2, "0")}-${name}-${width}-${scheme}-${lang}.png`), fullPage: true });
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1)) faults.push(`wider than ${width}: ${here.href}`);
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map((one) => one.id + " " + one.nodes.map((node) => node.target.join(" ")).join(", ")));
      for (const one of found) faults.push(`axe: ${here.href} (${width} ${scheme}): ${one}`);
    }
    number += 1;
    await page.setViewport({ width: 1440, height: 900 });
    here.searchParams.set("lang", "en");
    await page.goto(here.href, { waitUntil: "load" });
  };
  const go = (page, to) => page.goto(plan.base + to + (to.includes("?") ? "&" : "?") + "lang=en", { waitUntil: "load" });
  // Acts of weight ask once more who is there; the first page that does is looked at.
  const again = async (page) => {
    proofs += 1;
    if (proofs === 1) {
      await page.screenshot({ path: path.join(plan.shots, "again.png"), fullPage: true });
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map((one) => one.id));
      for (const one of found) faults.push(`axe: ${page.url()}: ${one}`);
    }
    await page.type("#proof", plan.password);
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click("main button.pri")]);
    if (await page.$("#proof")) throw new Error("asked twice: " + page.url());
  };
  // Sends the form that acts at an address.
  const send = async (page, action, values = {}, button = "button") => {
    const form = `form[action^="${action}"]`;
    await page.waitForSelector(form);
    for (const [name, value] of Object.entries(values)) {
      await page.$eval(`${form} [name="${name}"]`, (field, value) => {
        for (let at = field.parentElement; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
        if (field.type === "radio") field.form.querySelector(`[name="${field.name}"][value="${value}"]`).checked = true;
        else if (field.type === "checkbox") field.checked = value;
        else field.value = value;
      }, value);
    }
    page.sending = true;
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.$eval(`${form} ${button}`, (one) => one.click())]);
    if (await page.$("#proof")) await again(page);
    page.sending = false;
    const toast = await page.$eval("[role=alert]", (one) => one.textContent.trim()).catch(() => "");
    if (toast) throw new Error(`${action}: ${toast}`);
  };
  const text = (page) => page.$eval("main", (main) => main.innerText);

  try {
    // The public complains.
    const reader = await person("");
    await go(reader, "/report");
    await look(reader, "report");
    await send(reader, "/report", { kind: "phishing", place: plan.url, story: "It looks like my bank.", address: "alice@example.org" });
    const receipt = new URL(reader.url()).pathname.split("/").pop();
    await look(reader, "receipt");
    say({ step: "complained", receipt });

    // An analyst looks, finds it true, and has the party asked.
    const analyst = await person("liu");
    await go(analyst, "/console");
    await look(analyst, "overview");
    await go(analyst, "/console/incidents?q=state:open");
    await look(analyst, "incidents");
    const incident = await analyst.$eval('[data-row] a[href^="/console/incidents/"]', (one) => new URL(one.href).pathname);
    await go(analyst, incident);
    await look(analyst, "incident");
    await go(analyst, incident + "?do=validate");
    await send(analyst, incident + "/validate", { reason: "The page asks for a password of the bank." });
    const lead = await person("chen");
    await go(lead, "/console/notices/sending");
    await send(lead, "/console/notices/sending/arm", { reason: "on duty" });
    await look(lead, "sending");
    // The round writes the letter; a party's first one waits for somebody to read it.
    let letter = null;
    for (let n = 0; n < 60 && letter === null; n++) {
      await go(analyst, "/console/notices");
      letter = await analyst.$$eval('a[href^="/console/notices/"]', (all) => all.map((one) => new URL(one.href).pathname).find((one) => /notices\/\d+$/.test(one)) ?? null);
      if (letter === null) await new Promise((wake) => setTimeout(wake, 500));
    }
    await look(analyst, "notices");
    await go(analyst, letter);
    await look(analyst, "letter");
    await send(analyst, letter + "/release", { reason: "Read; the address is right." });
    await go(analyst, incident);
    await look(analyst, "asked");
    say({ step: "dispatched", incident });
    await until("sent");

    // The party answers in its portal.
    const party = await person("zhou");
    await go(party, "/portal");
    await look(party, "portal");
    const matter = await party.$eval('a[href^="/portal/incidents/"]', (one) => new URL(one.href).pathname);
    await go(party, matter);
    await look(party, "matter");
    await send(party, matter + "/answers", { ticket: "AB-1" }, 'button[value="acknowledged"]');
    // First it acts, then it says so: the look that follows its word finds what it did.
    say({ step: "acting" });
    await until("taken");
    await send(party, matter + "/answers", { comment: "The domain is on hold." }, 'button[value="fixed"]');
    say({ step: "answered", matter });
    await until("gone");

    // Closed by what was found, or by the analyst on it.
    await go(analyst, incident);
    const state = await text(analyst);
    if (!/Closed/.test(state)) {
      await go(analyst, incident + "?do=close");
      await send(analyst, incident + "/close", { resolution: "suspended", reason: "Three looks found it gone." });
    }
    await go(analyst, incident);
    await look(analyst, "closed");
    say({ step: "closed" });

    // The editor drafts and checks, a second person signs, it is published.
    const editor = await person("wang");
    await go(editor, "/console/bulletin");
    await send(editor, "/console/bulletin/plan");
    await go(editor, "/console/bulletin");
    await look(editor, "bulletins");
    const desk = "/console/bulletin/" + plan.issue;
    const settle = async (page, done) => {
      for (let n = 0; n < 300; n++) {
        await go(page, desk);
        if (await done(page)) return;
        await new Promise((wake) => setTimeout(wake, 1000));
      }
      throw new Error("the desk stands still: " + (await text(page)).slice(0, 2000));
    };
    const has = (selector) => async (page) => (await page.$(selector)) !== null;
    await go(editor, desk);
    await send(editor, desk + "/draft");
    await settle(editor, has(`form[action="${desk}/check"]`));
    await look(editor, "desk");
    await send(editor, desk + "/check");
    await go(editor, desk);
    // What a person must answer for is answered for, one by one.
    for (let n = 0; n < 60; n++) {
      const open = await editor.$(`form[action="${desk}/acknowledge"]`);
      if (!open) break;
      await send(editor, desk + "/acknowledge", { reason: "Looked at; it is as the data say." });
      await go(editor, desk);
    }
    // Whoever drafted cannot sign.
    if (await editor.$(`form[action="${desk}/approve"]`)) throw new Error("the author may sign");
    const approver = lead;
    await settle(approver, has(`form[action="${desk}/review"]`));
    await send(approver, desk + "/review", { word: "passes" });
    await settle(approver, has(`form[action="${desk}/approve"]`));
    await send(approver, desk + "/approve");
    await settle(approver, has(`form[action="${desk}/publish"]`));
    await look(approver, "approved");
    await send(approver, desk + "/publish");
    const english = `${plan.base}/issues/${plan.issue}.en.html`;
    let published = false;
    for (let n = 0; n < 180 && !published; n++) {
      reader.provoked = true;
      const answer = await reader.goto(english).catch(() => null);
      published = answer !== null && answer.status() === 200;
      if (!published) await new Promise((wake) => setTimeout(wake, 1000));
    }
    reader.provoked = false;
    if (!published) throw new Error("not published: " + (await text(approver)).slice(0, 2000));
    await reader.screenshot({ path: path.join(plan.shots, `${number}-published.png`), fullPage: true });
    say({ step: "published", page: (await reader.content()).length });

    // The reporter is told that it is closed, and nothing more.
    await go(reader, "/report/status/" + receipt);
    await look(reader, "status");
    say({ step: "status", text: await text(reader) });
    // Arming, signing, publishing.
    if (proofs < 3) faults.push(`only ${proofs} acts of weight asked who is there`);
    say({ done: true, faults });
  } catch (error) {
    say({ done: false, error: String(error && error.stack || error), faults });
  }
  await browser.close();
})();
