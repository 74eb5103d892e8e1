// Searches a site that is opened as files: prints what the page shows for each query.
//
//   node search.cjs CHROMIUM PAGE QUERY...
const path = require("path");
const { pathToFileURL } = require("url");
const peers = process.env.WATCHFIRE_PEERS_NPM;
const puppeteer = require(require.resolve("puppeteer-core", { paths: [path.join(peers, "node_modules"), peers] }));
const [chromium, page, ...queries] = process.argv.slice(2);

(async () => {
  const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox"] });
  const tab = await browser.newPage();
  const errors = [];
  tab.on("pageerror", (error) => errors.push(String(error)));
  for (const query of queries) {
    await tab.goto(`${pathToFileURL(path.resolve(page)).href}?q=${encodeURIComponent(query)}`, { waitUntil: "load" });
    await tab.waitForFunction(() => document.getElementById("told").textContent !== "", { timeout: 20000 });
    await new Promise((done) => setTimeout(done, 300));
    const shown = await tab.evaluate(() => ({
      told: document.getElementById("told").textContent,
      links: [...document.querySelectorAll("#found a")].map((a) => a.getAttribute("href")),
      marked: [...document.querySelectorAll("#found mark")].map((m) => m.textContent).slice(0, 10),
    }));
    console.log(JSON.stringify({ query, ...shown, errors }));
  }
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
