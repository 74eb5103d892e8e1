// The page of a notice at a public node, in a browser: node leaf.cjs PLAN.json
// PLAN: { npm, chromium, shots, base, link, comment }; prints { "shown", "sent", "wrong", "faults" } and ends. Faults are
// console errors, failed scripts, requests to elsewhere, the key in a request, and what axe finds.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const plan = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const peers = createRequire(path.join(plan.npm, "node_modules", "x.js"));
const puppeteer = peers("puppeteer-core");
const axe = peers("axe-core").source;
const key = plan.link.split("#")[1];
const faults = [];

(async () => {
  const browser = await puppeteer.launch({ executablePath: plan.chromium, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  // Opens an address and waits until one of these words stands there, or the page's content does.
  const open = async (link, refused) => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(60000);
    page.on("console", (message) => {
      if (message.type() === "error" && !refused) faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
    page.on("request", (request) => {
      const [url, sent] = [request.url(), request.postData() ?? ""];
      if (!url.startsWith(plan.base) && !url.startsWith("data:")) faults.push(`elsewhere: ${url}`);
      const all = url.split("#")[0] + sent + JSON.stringify(request.headers());
      if (all.includes(key)) faults.push(`the key was sent: ${url}`);
      if (sent.includes(plan.comment)) faults.push(`sent in clear: ${url}`);
    });
    await page.goto(link, { waitUntil: "load" });
    return page;
  };
  const rests = (page) => page.waitForFunction(() => document.querySelector("[data-say=opening]").hidden);
  const said = (page) => page.$$eval("[data-say]:not([hidden])", (all) => all.map((one) => one.dataset.say).join(" "));

  const shown = {};
  for (const [width, scheme, lang] of [[1440, "light", "zh"], [1440, "dark", "en"], [390, "dark", "zh"], [390, "light", "en"]]) {
    const page = await open("about:blank");
    await page.setViewport({ width, height: width === 390 ? 844 : 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(plan.link.replace("#", `?lang=${lang}#`), { waitUntil: "load" });
    await rests(page);
    shown[lang] = await page.$eval("main", (main) => main.innerText);
    for (const state of ["closed", "open"]) {
      await page.$$eval("details.say", (all, open) => all.forEach((one) => { one.open = open; }), state === "open");
      await page.screenshot({ path: path.join(plan.shots, `${width}-${scheme}-${lang}-${state}.png`), fullPage: true });
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1)) faults.push(`wider than ${width}: ${lang}`);
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map((one) => one.id + " " + one.nodes.map((node) => node.target.join(" ")).join(", ")));
      for (const one of found) faults.push(`axe (${width} ${scheme} ${lang} ${state}): ${one}`);
    }
    await page.close();
  }

  // A party says that it acted, in its own words; a change of language keeps the page.
  const page = await open(plan.link);
  await rests(page);
  await page.goto(plan.base + "notice?lang=en", { waitUntil: "load" });
  await rests(page);
  await page.click("details.say summary");
  await page.type("details.say [name=comment]", plan.comment);
  await page.click('details.say button[value="fixed"]');
  await page.waitForSelector("[data-say=sent]:not([hidden])");
  const sent = await said(page);

  // Somebody who has a letter's address with one letter of it wrong sees nothing of it.
  const other = plan.link.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
  const stranger = await open(other, true);
  await rests(stranger);
  const wrong = await said(stranger);
  if (await stranger.$eval("[data-leaf-held]", (held) => held.innerHTML !== "")) faults.push("a wrong key opens something");
  await browser.close();
  process.stdout.write(JSON.stringify({ shown, sent, wrong, faults }));
})().catch((error) => {
  process.stderr.write(String(error.stack));
  process.exit(1);
});
