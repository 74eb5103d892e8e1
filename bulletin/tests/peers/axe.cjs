// Runs axe-core on pages in a real browser: every page in light and dark, at 1440 and 390 px.
//
//   node axe.cjs CHROMIUM DIR PAGE...
//
// Pages are files below DIR, which is served on the loopback interface for the time of the test. Prints one JSON line a page and way of looking that has a violation, asks for something
// outside DIR, or is wider than the screen; then a last line with the number of looks. With PICTURES in the
// environment, writes a picture of each look there.
const path = require("path");
const fs = require("fs");
const http = require("http");
const peers = process.env.WATCHFIRE_PEERS_NPM;
const from = (name) => require(require.resolve(name, { paths: [path.join(peers, "node_modules"), peers] }));
const puppeteer = from("puppeteer-core");
const axe = require.resolve("axe-core/axe.min.js", { paths: [path.join(peers, "node_modules"), peers] });
const [chromium, dir, ...pages] = process.argv.slice(2);
const widths = (process.env.WIDTHS || "1440 390").split(" ").map(Number);

const kinds = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
const server = http.createServer((request, response) => {
  const name = path.join(path.resolve(dir), path.normalize(new URL(request.url, "http://x").pathname));
  fs.readFile(name, (error, bytes) => {
    response.writeHead(error ? 404 : 200, { "content-type": kinds[name.split(".").pop()] || "application/octet-stream" });
    response.end(error ? "" : bytes);
  });
});

(async () => {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const root = `http://127.0.0.1:${server.address().port}/`;
  const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox"] });
  let looks = 0;
  for (const theme of ["light", "dark"]) {
    for (const width of widths) {
      const tab = await browser.newPage();
      await tab.setViewport({ width, height: 900, isMobile: false });
      await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
      let outside = [];
      tab.on("request", (request) => { if (!request.url().startsWith(root) && !request.url().startsWith("data:") && !request.url().endsWith("/favicon.ico")) outside.push(request.url()); });
      for (const page of pages) {
        outside = [];
        await tab.goto(root + page, { waitUntil: "load" });
        await tab.evaluate(fs.readFileSync(axe, "utf8"));
        const found = await tab.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] }));
        const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        const faults = found.violations.map((v) => ({ rule: v.id, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)) }));
        if (faults.length || outside.length || wide > 0) console.log(JSON.stringify({ page, theme, width, faults, outside, wide }));
        if (process.env.PICTURES) await tab.screenshot({ path: path.join(process.env.PICTURES, `${page.replace(/[/.]/g, "-")}-${width}-${theme}.png`), fullPage: true });
        looks++;
      }
      await tab.close();
    }
  }
  console.log(JSON.stringify({ looks }));
  await browser.close();
  server.close();
})().catch((error) => { console.error(error); process.exit(1); });
