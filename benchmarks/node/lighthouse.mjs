// Runs Lighthouse on pages, one after another in one browser, and prints the scores as JSON.
// Standard input: {"urls": {name: url}, "headers": {…}, "settings": {…}, "rounds": 1}
import { readFileSync } from "node:fs";

import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const { urls, headers, settings, rounds } = JSON.parse(readFileSync(0, "utf8"));
const chrome = await launch({ chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"] });
const found = {};

// Recording a page sometimes fails ("Please run Lighthouse again"), so that it is tried a second time.
async function run(url, attempts = 2) {
  const { lhr } = await lighthouse(url, { ...settings, port: chrome.port, extraHeaders: headers, logLevel: "error" });
  if (lhr.runtimeError && attempts > 1) return run(url, attempts - 1);
  if (lhr.runtimeError) throw new Error(`${url}: ${lhr.runtimeError.message}`);
  return lhr;
}

try {
  for (let round = 0; round < rounds; round++) {
    for (const [name, url] of Object.entries(urls)) {
      const lhr = await run(url);
      if (lhr.finalDisplayedUrl !== url) throw new Error(`${url} redirects to ${lhr.finalDisplayedUrl}`);
      const scores = Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(100 * score)]);
      const failed = Object.values(lhr.audits).filter(({ score }) => score !== null && score < 0.9);
      (found[name] ??= []).push({ scores: Object.fromEntries(scores), failed: failed.map(({ id }) => id) });
    }
  }
} finally {
  chrome.kill();
}
console.log(JSON.stringify(found));
